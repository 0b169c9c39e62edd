// `npm ci` refuses a lock file that lacks an optional package, and npm leaves out those that it could not look up.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface LockedPackage {
  version?: string;
  optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};

test('the lock file names the optional packages of every platform', () => {
  const wanted = Object.entries(lock.packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => ({ place, name })),
  );
  const missing = wanted.filter(
    ({ place, name }) => !(`${place}/node_modules/${name}` in lock.packages || `node_modules/${name}` in lock.packages),
  );
  expect(wanted.length).toBeGreaterThan(50);
  expect(missing).toEqual([]);
});
