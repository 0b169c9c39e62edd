#!/usr/bin/env node
// Runs src/main.ts on a Node that can: this one when it is new enough, else the one that npm installed beside it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = join(dirname(fileURLToPath(import.meta.url)), '../src/main.ts');

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(main);
} else {
  const node = installedNode();
  if (node === undefined) {
    console.error(`error: Chartly needs Node 24 or newer; this is ${process.versions.node}.`);
    console.error('  next: run `npm ci` in the clone (it brings a current Node), or install Node 24.');
    process.exit(1);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // As a shell counts: 128 and the signal's number.
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}

function installedNode() {
  try {
    const dir = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const path = join(dir, 'bin/node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
