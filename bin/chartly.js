#!/usr/bin/env node
// Runs src/main.ts on a Node that can: this one when it is new enough, else the one that npm installed beside it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = join(dirname(fileURLToPath(import.meta.url)), '../src/main.ts');
const installed = createRequire(import.meta.url);

if (resolve('commander') === undefined) {
  fail('Chartly is not installed yet.', 'run `npm ci` in the clone; it brings a current Node too.');
} else if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(main);
} else {
  const node = installedNode();
  if (node === undefined) {
    fail(
      `Chartly needs Node 24 or newer; this is ${process.versions.node}.`,
      'run `npm ci` in the clone (it brings a current Node), or install Node 24.',
    );
  } else {
    start(node);
  }
}

function start(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // As a shell counts: 128 and the signal's number.
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}

function installedNode() {
  const manifest = resolve('node/package.json');
  const path = manifest && join(dirname(manifest), 'bin/node');
  return path && existsSync(path) ? path : undefined;
}

function resolve(name) {
  try {
    return installed.resolve(name);
  } catch {
    return undefined;
  }
}

function fail(message, next) {
  console.error(`error: ${message}\n  next: ${next}`);
  process.exitCode = 1;
}
