// The rule of the house (who may know whom), planted as violations in a scratch copy of its layout and put before the real lint gate.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const oxlint = join(root, 'node_modules/.bin/oxlint');

const stores = ['contracts', 'kit', 'storage'];
const services = [...stores, 'audit', 'auth', 'observer'];
const control = [...services, 'connector-hub', 'normalizer', 'analytics'];

/** Each room, and the rooms that it may know. */
const mayKnow: Record<string, string[]> = {
  contracts: [],
  kit: ['contracts'],
  storage: ['contracts', 'kit'],
  formats: stores,
  audit: stores,
  auth: [...stores, 'audit'],
  observer: stores,
  'connector-hub': services,
  normalizer: [...services, 'formats'],
  analytics: services,
  orchestrator: control,
  gateway: [...control, 'orchestrator'],
  app: [...control, 'orchestrator', 'gateway'],
  cli: [...control, 'orchestrator', 'gateway', 'app'],
};
const rooms = Object.keys(mayKnow);

interface Plant {
  file: string;
  code: string;
  red: boolean;
}

const plants: Plant[] = [];
const plant = (dir: string, code: string, red: boolean): void => {
  plants.push({ file: `${dir}/plant-${plants.length}.ts`, code, red });
};

for (const room of rooms) {
  for (const other of rooms) {
    if (other === room) continue;
    plant(`src/${room}`, `export * from '#${other}';`, !mayKnow[room]!.includes(other));
  }
  for (const dir of [`src/${room}`, `src/${room}/deep/er`]) {
    plant(dir, `export * from './x.ts';`, false);
    plant(dir, `export * from '../x.ts';`, true);
    plant(dir, `export * from '../../kit/hash.ts';`, true);
    plant(dir, `export * from './../x.ts';`, true);
    plant(dir, `export * from '#kit/hash.ts';`, true);
  }
}
for (const room of ['connector-hub', 'normalizer']) {
  plant(`src/${room}`, `import type { Orchestrator } from '#orchestrator';\nexport type O = Orchestrator;`, true);
  plant(`src/${room}/deep`, `export const later = (): Promise<unknown> => import('#orchestrator');`, true);
  plant(`src/${room}`, `export type O = import('#orchestrator').Orchestrator;`, true);
}
plant('src', `export { run } from '#cli';`, false);
plant('src', `export * from '#app';`, true);
plant('src', `export * from './kit/hash.ts';`, true);
plant('test/house', `export * from '#audit';`, false);
plant('test/house', `export * from '../conformance/x.ts';`, false);
plant('test/house', `export * from '#audit/verify.ts';`, true);
plant('bench', `export * from '../src/audit/verify.ts';`, true);
plant('test/house', `export * from '../../src/audit/verify.ts';`, true);

const roomRules = new Set([
  'eslint(no-restricted-imports)',
  'typescript-eslint(consistent-type-imports)',
  'typescript(consistent-type-imports)',
]);

function lint(scratch: string): Set<string> {
  let output: string;
  try {
    output = execFileSync(oxlint, ['--format', 'json'], { cwd: scratch, encoding: 'utf8', maxBuffer: 64 << 20 });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: { code: string; filename: string; severity: string }[] };
  return new Set(
    diagnostics
      .filter((d) => d.severity === 'error' && roomRules.has(d.code))
      .map((d) => d.filename.replaceAll('\\', '/')),
  );
}

describe('who may know whom', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'chartly-rooms-'));
  let red = new Set<string>();

  beforeAll(() => {
    copyFileSync(join(root, '.oxlintrc.json'), join(scratch, '.oxlintrc.json'));
    for (const { file, code } of plants) {
      mkdirSync(join(scratch, dirname(file)), { recursive: true });
      writeFileSync(join(scratch, file), `${code}\n`);
    }
    red = lint(scratch);
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test.each(plants)('$file: $code → red: $red', ({ file, red: expected }) => {
    expect(red.has(file)).toBe(expected);
  });

  test('the gate exits with an error for one planted violation', () => {
    const one = mkdtempSync(join(tmpdir(), 'chartly-rooms-one-'));
    try {
      mkdirSync(join(one, 'src/normalizer'), { recursive: true });
      copyFileSync(join(root, '.oxlintrc.json'), join(one, '.oxlintrc.json'));
      const file = join(one, 'src/normalizer/plant.ts');
      writeFileSync(file, `export * from '#audit';\n`);
      expect(() => execFileSync(oxlint, { cwd: one, stdio: 'pipe' })).not.toThrow();
      writeFileSync(file, `export * from '#orchestrator';\n`);
      expect(() => execFileSync(oxlint, { cwd: one, stdio: 'pipe' })).toThrow();
    } finally {
      rmSync(one, { recursive: true, force: true });
    }
  });
});

describe('rooms and doors', () => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());

  test('every folder of src is a room of the table above, and every room is there', () => {
    expect(folders.map((entry) => entry.name).toSorted()).toEqual(rooms.toSorted());
  });

  test.each(rooms)('%s has one door, and its name leads there', (room) => {
    const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      imports: Record<string, string>;
    };
    expect(imports[`#${room}`]).toBe(`./src/${room}/index.ts`);
    expect(existsSync(join(root, 'src', room, 'index.ts'))).toBe(true);
  });

  test('package.json opens no other door (and names itself)', () => {
    const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      imports: Record<string, string>;
    };
    expect(Object.keys(imports).toSorted()).toEqual([...rooms.map((room) => `#${room}`), '#package.json'].toSorted());
  });

  test('no file switches the rule off for itself', () => {
    const offenders = globSync('{src,test,bench,scripts,examples}/**/*.{ts,js}', { cwd: root }).filter((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return /(oxlint|eslint)-disable[^\n]*no-restricted-imports/.test(text) && !file.endsWith('rooms.test.ts');
    });
    expect(offenders).toEqual([]);
  });
});
