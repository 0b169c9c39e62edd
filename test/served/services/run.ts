// scripts/services.sh: starts throw-away services, says where they are, and stops them at the end of a command or on Ctrl-C.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startPostgres } from './postgres.ts';
import type { Service } from './service.ts';

/** By name: how to start it, and the variable that tells Chartly where it is. */
const services: Record<string, { variable: string; start: () => Promise<Service> }> = {
  postgres: { variable: 'CHARTLY_POSTGRES_URL', start: startPostgres },
};

const argv = process.argv.slice(2);
const divider = argv.indexOf('--');
const names = divider < 0 ? argv : argv.slice(0, divider);
const command = divider < 0 ? [] : argv.slice(divider + 1);
const unknown = names.find((name) => !(name in services));

if (names.length === 0 || unknown !== undefined) {
  if (unknown !== undefined) console.error(`There is no service ${unknown}.`);
  console.error(`usage: scripts/services.sh ${Object.keys(services).join('|')} … [-- COMMAND …]`);
  process.exitCode = 2;
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const started: Service[] = [];
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
  });
  try {
    const env: Record<string, string> = {};
    for (const name of new Set(names)) {
      const service = await services[name]!.start();
      started.push(service);
      env[services[name]!.variable] = service.url;
    }
    if (command.length > 0) return await runCommand(env, stopped);
    for (const [variable, url] of Object.entries(env)) console.log(`export ${variable}='${url}'`);
    console.error('Running until Ctrl-C.');
    await stopped;
    return 0;
  } finally {
    for (const service of started.reverse()) await service.stop();
  }
}

async function runCommand(env: Record<string, string>, stopped: Promise<NodeJS.Signals>): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'inherit' });
  void stopped.then((signal) => child.kill(signal));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
