// Writes src/contracts/v1/types.ts and src/contracts/v1/schemas.ts from contracts/v1.
// `--check` writes nothing and fails when they are stale.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

const root = join(import.meta.dirname, '..');
const contractsDir = join(root, 'contracts/v1');
const banner = '// Generated from contracts/v1 by `npm run generate`. Do not edit.\n';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const files = globSync('**/*.json', { cwd: contractsDir, exclude: (name) => name.includes('examples') })
  .filter((file) => !file.includes('examples'))
  .map((file) => file.replaceAll('\\', '/'))
  .sort();

const schemas = new Map<string, JsonObject>(
  files.map((file) => [file, JSON.parse(readFileSync(join(contractsDir, file), 'utf8')) as JsonObject]),
);

const definitionName = (file: string, def?: string): string =>
  def === undefined ? title(schemas.get(file)!) : `${title(schemas.get(file)!)}_${def}`;

function title(schema: JsonObject): string {
  if (typeof schema.title !== 'string') throw new Error('every contract needs a title');
  return schema.title;
}

/** Rewrites references between files to references inside one synthetic root. */
function inline(node: Json, file: string): Json {
  if (Array.isArray(node)) return node.map((item) => inline(item, file));
  if (node === null || typeof node !== 'object') return node;
  if ('prefixItems' in node) throw new Error(`${file}: prefixItems becomes never[] in TypeScript`);
  if (Array.isArray(node.oneOf) && node.oneOf.every((v) => v !== null && typeof v === 'object' && 'const' in v)) {
    const { title: name, description } = node;
    return {
      title: name ?? null,
      description: description ?? null,
      enum: node.oneOf.map((v) => (v as JsonObject).const!),
    };
  }
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === '$id' || key === '$schema' || key === '$defs' || key.startsWith('x-')) continue;
    // Conditions narrow nothing that TypeScript can say; the validators hold them.
    if (key === 'allOf' || key === 'if' || key === 'then') continue;
    if (key === 'oneOf' && isRequirementOnly(value)) continue;
    // Array bounds would become huge tuple unions.
    if ((key === 'minItems' || key === 'maxItems') && 'items' in node) continue;
    if (key === '$ref' && typeof value === 'string') {
      const [path = '', pointer] = value.split('#/$defs/');
      const target = path === '' ? file : posix.normalize(posix.join(posix.dirname(file), path.replace(/#$/, '')));
      out.$ref = `#/$defs/${definitionName(target, pointer)}`;
      continue;
    }
    out[key] = inline(value, file);
  }
  if (out.$ref !== undefined) return { $ref: out.$ref };
  return out;
}

function isRequirementOnly(value: Json): boolean {
  return (
    Array.isArray(value) &&
    value.every((v) => v !== null && typeof v === 'object' && !Array.isArray(v) && Object.keys(v).join() === 'required')
  );
}

async function types(): Promise<string> {
  const defs: JsonObject = {};
  for (const [file, schema] of schemas) {
    for (const [name, def] of Object.entries((schema.$defs ?? {}) as JsonObject)) {
      const own = inline(def, file) as JsonObject;
      defs[definitionName(file, name)] = own;
    }
    if ('type' in schema || 'oneOf' in schema) defs[definitionName(file)] = inline(schema, file);
  }
  const rootSchema = {
    title: 'ContractsV1',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(Object.keys(defs).map((name) => [name, { $ref: `#/$defs/${name}` }])),
    $defs: defs,
  } as unknown as JSONSchema;
  const text = await compile(rootSchema, 'ContractsV1', {
    bannerComment: '',
    additionalProperties: true,
    unknownAny: true,
    declareExternallyReferenced: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  return `${banner}/* oxlint-disable */\n${text}`;
}

function schemaModule(): string {
  const lines = files.map((file, n) => {
    const from = posix.join('../../..', relative(root, join(contractsDir, file)));
    return `import s${n} from '${from}' with { type: 'json' };`;
  });
  const entries = files.map((file, n) => `  '${file.replace(/\.json$/, '')}': s${n},`);
  return `${banner}${lines.join('\n')}\n\n/** Every contract by its path under contracts/v1, without the extension. */\nexport const schemas = {\n${entries.join('\n')}\n} as const;\n`;
}

const outputs: [string, string][] = [
  ['src/contracts/v1/types.ts', await types()],
  ['src/contracts/v1/schemas.ts', schemaModule()],
];
let stale = false;
for (const [path, text] of outputs) {
  const full = join(root, path);
  if (process.argv.includes('--check')) {
    let current = '';
    try {
      current = readFileSync(full, 'utf8');
    } catch {
      // A missing file is stale.
    }
    if (current !== text) {
      stale = true;
      console.error(`${path} is stale: run \`npm run generate\``);
    }
  } else {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  }
}
process.exitCode = stale ? 1 : 0;
