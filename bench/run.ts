// npm run bench -- NAME [options]: runs bench/NAME.ts and prints its result as one JSON line.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What every bench file exports: measures, and returns figures with a ratio against a reference of the same run. */
export type Bench = (args: string[]) => Promise<Record<string, unknown>>;

const [name, ...args] = process.argv.slice(2);
const file = join(import.meta.dirname, `${name}.ts`);
if (name === undefined || name === 'run' || !/^[a-z-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(import.meta.dirname).map((f) => f.replace(/\.ts$/, ''));
  console.error(`usage: npm run bench -- ${names.filter((n) => n !== 'run' && n !== 'lib').join('|')}`);
  process.exitCode = 2;
} else {
  const { bench } = (await import(file)) as { bench: Bench };
  console.log(JSON.stringify({ bench: name, ...(await bench(args)) }));
}
