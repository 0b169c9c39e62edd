// The contracts themselves: they compile strictly, every reference resolves, and every example is accepted or refused for the reason it names.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { type ContractName, schemas, validator } from '#contracts';
import { errorCodes } from '#kit';

type JsonObject = Record<string, unknown>;

const root = join(import.meta.dirname, '../..');
const contractsDir = join(root, 'contracts/v1');
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

const names = globSync('**/*.json', { cwd: contractsDir })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !file.includes('examples/'))
  .map((file) => file.replace(/\.json$/, ''))
  .toSorted();

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
for (const keyword of ['x-status', 'x-action']) ajv.addKeyword(keyword);
ajv.addFormat('uri-reference', true);
for (const name of names) ajv.addSchema(readJson(join(contractsDir, `${name}.json`)) as JsonObject);

interface Example {
  file: string;
  contract: string;
  /** Definition inside the contract, for contracts that only hold definitions. */
  definition: string | undefined;
  valid: boolean;
}

const definitionsOf = (name: string): string[] =>
  Object.keys((readJson(join(contractsDir, `${name}.json`)) as JsonObject).$defs ?? {});

function contractOf(file: string): string {
  const folder = posix.dirname(posix.dirname(posix.dirname(file)));
  const stem = basename(file, '.json');
  const candidates = names.filter((name) => posix.dirname(name) === folder && stem.startsWith(`${basename(name)}-`));
  const longest = candidates.toSorted((a, b) => b.length - a.length)[0];
  if (longest === undefined) throw new Error(`${file}: no contract of this folder is called so`);
  return longest;
}

const examples: Example[] = globSync('**/examples/{valid,invalid}/*.json', { cwd: contractsDir })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => basename(file) !== 'expected.json')
  .map((file) => {
    const contract = contractOf(file);
    const rest = basename(file, '.json').slice(basename(contract).length + 1);
    const definition = contract === 'common' ? rest : undefined;
    return { file, contract, definition, valid: file.includes('/valid/') };
  })
  .toSorted((a, b) => a.file.localeCompare(b.file));

const idOf = (name: string): string => (readJson(join(contractsDir, `${name}.json`)) as { $id: string }).$id;

/** `pointer keyword` of everything that is wrong with the value. */
function refusals(example: Example): string[] {
  const id = idOf(example.contract) + (example.definition === undefined ? '' : `#/$defs/${example.definition}`);
  const check = ajv.getSchema(id);
  if (check === undefined) throw new Error(`${example.file}: no schema ${id}`);
  void check(readJson(join(contractsDir, example.file)));
  return (check.errors ?? []).map((error) => `${error.instancePath} ${error.keyword}`);
}

function* nodes(value: unknown, pointer = ''): Generator<[string, JsonObject]> {
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) yield [pointer, value as JsonObject];
  for (const [key, child] of Object.entries(value)) yield* nodes(child, `${pointer}/${key}`);
}

describe('every contract', () => {
  test.each(names)('%s is a strict JSON Schema 2020-12 with an id, a title and a description', (name) => {
    const schema = readJson(join(contractsDir, `${name}.json`)) as JsonObject;
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema.$id).toBe(`https://chartly.example/contracts/v1/${name}.json`);
    expect(schema.title).toBeTypeOf('string');
    expect(schema.description).toBeTypeOf('string');
    expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
    expect(() => ajv.getSchema(schema.$id as string)).not.toThrow();
  });

  test.each(names)('%s: no prefixItems, and every $ref resolves to a file and a definition', (name) => {
    for (const [pointer, node] of nodes(readJson(join(contractsDir, `${name}.json`)))) {
      expect(Object.keys(node), `${name}${pointer}`).not.toContain('prefixItems');
      if (typeof node.$ref !== 'string') continue;
      const [path = '', fragment = ''] = node.$ref.split('#');
      const target = path === '' ? name : posix.join(posix.dirname(name), path).replace(/\.json$/, '');
      expect(names, `${name}${pointer}: ${node.$ref}`).toContain(target);
      if (fragment === '') continue;
      expect(fragment).toMatch(/^\/\$defs\/[^/]+$/);
      expect(definitionsOf(target), `${name}${pointer}: ${node.$ref}`).toContain(fragment.slice('/$defs/'.length));
    }
  });

  test.each(names)('%s: objects say which properties they take', (name) => {
    for (const [pointer, node] of nodes(readJson(join(contractsDir, `${name}.json`)))) {
      if (node.type !== 'object' || node.properties === undefined || pointer.endsWith('/properties')) continue;
      // The envelope is what three closed contracts have in common, so it must stay open.
      if (name === 'canonical/envelope' && pointer === '') continue;
      expect(node, `${name}${pointer}`).toHaveProperty('additionalProperties');
    }
  });

  test.each(names.filter((name) => name !== 'common'))('%s has a valid example and two invalid ones', (name) => {
    const own = examples.filter((example) => example.contract === name);
    expect(own.filter((example) => example.valid).length).toBeGreaterThanOrEqual(1);
    expect(own.filter((example) => !example.valid).length).toBeGreaterThanOrEqual(2);
  });

  test.each(definitionsOf('common'))('common: %s has a valid and an invalid example', (definition) => {
    const own = examples.filter((example) => example.definition === definition);
    expect(own.map((example) => String(example.valid)).toSorted()).toEqual(['false', 'true']);
  });

  test('the index that the code imports holds them all', () => {
    expect(Object.keys(schemas).toSorted()).toEqual(names);
  });

  test('generated files are fresh', () => {
    const check = (): unknown =>
      execFileSync(process.execPath, ['scripts/generate-contracts.ts', '--check'], { cwd: root, stdio: 'pipe' });
    expect(check).not.toThrow();
  });
});

describe('examples', () => {
  test.each(examples.filter((example) => example.valid))('$file is accepted', (example) => {
    expect(refusals(example)).toEqual([]);
  });

  test.each(examples.filter((example) => !example.valid))('$file is refused for its reason', (example) => {
    const expected = readJson(join(contractsDir, dirname(example.file), 'expected.json')) as Record<string, string>;
    expect(refusals(example)).toContain(expected[basename(example.file)]);
  });

  test.each(examples.filter((example) => example.definition === undefined))('the code agrees on $file', (example) => {
    const validate = validator(example.contract as ContractName);
    expect(validate(readJson(join(contractsDir, example.file)))).toBe(example.valid);
    expect(validate.violations().length > 0).toBe(!example.valid);
  });

  test('every expectation has its example', () => {
    for (const file of globSync('**/examples/invalid/expected.json', { cwd: contractsDir })) {
      const dir = join(contractsDir, dirname(file));
      const others = readdirSync(dir).filter((name) => name !== 'expected.json');
      expect(Object.keys(readJson(join(contractsDir, file)) as JsonObject).toSorted()).toEqual(others.toSorted());
      expect(existsSync(dir.replace(/invalid$/, 'valid'))).toBe(true);
    }
  });
});

describe('error codes', () => {
  test.each([...errorCodes])('%s has a title, a status and a next action', (code, { title, status, action }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(title).toMatch(/\S.*\.$/);
    expect(action).toMatch(/\S.*\.$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThanOrEqual(599);
  });

  test('each code and each reason stands once', () => {
    for (const name of ['errors/codes', 'quarantine/reason-codes'] as const) {
      const all = schemas[name].oneOf.map((entry) => entry.const);
      expect(new Set(all).size).toBe(all.length);
    }
  });
});
