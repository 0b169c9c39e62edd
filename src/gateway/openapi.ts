// The OpenAPI 3.1 document, from the declared endpoints and the contracts: nothing in it is written twice.
import { schemas, type ContractName } from '#contracts';
import type { Endpoint } from './endpoint.ts';
import type { Parameters } from './parameters.ts';

type Json = Record<string, unknown>;

interface Contract extends Json {
  $id: string;
  title: string;
  $defs?: Record<string, Json & { title?: string }>;
}

const contracts = Object.values(schemas) as unknown as Contract[];

/** Absolute reference → name under components.schemas. */
const componentNames = new Map<string, string>();
for (const contract of contracts) {
  if ('type' in contract || 'oneOf' in contract) componentNames.set(contract.$id, contract.title);
  for (const [name, definition] of Object.entries(contract.$defs ?? {})) {
    componentNames.set(`${contract.$id}#/$defs/${name}`, definition.title ?? `${contract.title}_${name}`);
  }
}

/** The document. `operations` at paths that no endpoint declares (probes) are added by the caller's `extraPaths`. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    (paths[endpoint.path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Chartly',
      version,
      description:
        'From any upstream to a chart you can prove. The tenant comes from the credential. Lists are `{items, next}`: pass `next` as `after` for the next page. ' +
        'Calls that change something take an `Idempotency-Key`: a repeat within 24 hours gets the first answer. 64-bit integers are decimal text.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }, { session: [] }],
    tags: [...new Set(endpoints.map((endpoint) => endpoint.tag))].map((name) => ({ name })),
    paths: { ...paths, ...probePaths() },
    components: {
      schemas: components(),
      responses: { Problem: problemResponse() },
      securitySchemes: securitySchemes(),
    },
  };
}

function components(): Json {
  const out: Json = {};
  for (const contract of contracts) {
    const { $defs, ...own } = contract;
    const name = componentNames.get(contract.$id);
    if (name !== undefined) out[name] = rewrite(own, contract.$id);
    for (const [key, definition] of Object.entries($defs ?? {})) {
      out[componentNames.get(`${contract.$id}#/$defs/${key}`)!] = rewrite(definition, contract.$id);
    }
  }
  return out;
}

/** Points references at components, and drops what identifies a schema on its own. */
function rewrite(node: unknown, base: string): unknown {
  if (Array.isArray(node)) return node.map((item) => rewrite(item, base));
  if (node === null || typeof node !== 'object') return node;
  const out: Json = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === '$id' || key === '$schema') continue;
    out[key] =
      key === '$ref' && typeof value === 'string' ? componentRef(new URL(value, base).href) : rewrite(value, base);
  }
  return out;
}

function componentRef(absolute: string): string {
  const name = componentNames.get(absolute.replace(/#$/, ''));
  if (name === undefined) throw new Error(`no contract is called ${absolute}`);
  return `#/components/schemas/${name}`;
}

const contractRef = (name: ContractName): Json => ({ $ref: componentRef(schemas[name].$id) });

function operation(endpoint: Endpoint): Json {
  const { action, body, params, query, writes } = endpoint;
  const role = { read: 'viewer', operate: 'operator', administer: 'admin' }[action];
  return {
    operationId: endpoint.operationId,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: `Needs the role ${role}.`,
    // A browser's session reads; only a key writes.
    ...(endpoint.method === 'GET' ? {} : { security: [{ apiKey: [] }] }),
    parameters: [
      ...parametersOf(params ?? {}, 'path'),
      ...parametersOf(query ?? {}, 'query'),
      ...(writes === undefined ? [] : [idempotencyKey]),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: contractRef(body) } } } }),
    responses: {
      [String(endpoint.response.status ?? 200)]: success(endpoint),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and body within 24 hours give the same answer, and the work is done once.',
  schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
};

function parametersOf(declared: Parameters, place: 'path' | 'query'): Json[] {
  return Object.entries(declared).map(([name, { schema, description }]) => ({
    name,
    in: place,
    required: place === 'path',
    description,
    schema: rewrite(schema, schemas.common.$id),
  }));
}

function success({ response }: Endpoint): Json {
  const { description } = response;
  if ('media' in response) {
    const content = Object.fromEntries(response.media.map((type) => [type, {}]));
    const headers = Object.entries(response.headers ?? {}).map(([name, description]) => [
      name,
      { description, schema: { type: 'string' } },
    ]);
    return { description, ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }), content };
  }
  const one = contractRef(response.contract);
  const schema = response.list === true ? listOf(one) : one;
  return { description, content: { 'application/json': { schema } } };
}

const listOf = (items: Json): Json => ({
  type: 'object',
  required: ['items'],
  properties: {
    items: { type: 'array', items },
    next: { type: 'string', description: 'pass it as `after` for the next page; absent on the last one' },
  },
});

function problemResponse(): Json {
  return {
    description: 'What went wrong, and what to do next (RFC 9457)',
    content: { 'application/problem+json': { schema: contractRef('errors/problem') } },
  };
}

function securitySchemes(): Json {
  return {
    apiKey: { type: 'http', scheme: 'bearer', description: 'An API key, made by `chartly key create`: `chk_…`' },
    session: {
      type: 'apiKey',
      in: 'cookie',
      name: 'chartly_session',
      description: 'A browser signed in at `/`; reads only',
    },
  };
}

function probePaths(): Json {
  const probe = (operationId: string, summary: string, media: string): Json => ({
    get: {
      operationId,
      tags: ['operation'],
      summary,
      security: [],
      responses: {
        200: { description: 'The answer', content: { [media]: {} } },
        default: { $ref: '#/components/responses/Problem' },
      },
    },
  });
  return {
    '/healthz': probe('alive', 'The process is alive', 'application/json'),
    '/readyz': probe('ready', 'The stores answer', 'application/json'),
    '/metrics': probe('metrics', 'Prometheus metrics', 'text/plain'),
    '/openapi.json': probe('openapi', 'This document', 'application/json'),
  };
}
