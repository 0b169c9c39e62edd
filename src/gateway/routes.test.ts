import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '#auth';
import { canonicalJson, sha256Hex } from '#kit';
import { example, openHouse, type House } from './testing.ts';

let house: House;
const registered = new Set<string>();
const ajv = new Ajv2020({ strict: false });
ajv.addFormat('uri-reference', true);

beforeAll(async () => {
  house = await openHouse();
  house.gateway.app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) registered.add(`${name} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
  });
  await house.gateway.app.ready();
  ajv.addSchema(await document(), 'openapi');
});
afterAll(() => house.close());

type Document = { paths: Record<string, Record<string, Operation>>; components: object };
interface Operation {
  responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}

async function document(): Promise<Document> {
  const response = await house.gateway.app.inject('/openapi.json');
  return response.json<Document>();
}

interface Case {
  route: string;
  needs: Role;
  status?: number;
  /** With the house's ids filled in. */
  url?: (house: House) => string;
  body?: () => Promise<unknown>;
  /** Bytes, not JSON of a contract. */
  bytes?: true;
}

const earthquakes = 'earthquakes';
const cases: Case[] = [
  { route: 'GET /v1/sources', needs: 'viewer' },
  { route: 'GET /v1/sources/{source_id}', needs: 'viewer', url: () => `/v1/sources/${earthquakes}` },
  {
    route: 'POST /v1/sources/{source_id}/ingest',
    needs: 'operator',
    status: 202,
    url: () => `/v1/sources/${earthquakes}/ingest`,
  },
  {
    route: 'POST /v1/references',
    needs: 'operator',
    body: () => example('api/examples/valid/reference-upload-small.json'),
  },
  {
    route: 'POST /v1/apply',
    needs: 'operator',
    body: async () => ({
      documents: [
        { kind: 'source', file: 'a.yaml', spec: await example('sources/examples/valid/source-earthquakes.json') },
      ],
      dry_run: true,
    }),
  },
  { route: 'GET /v1/runs', needs: 'viewer', url: () => '/v1/runs?source=earthquakes&state=succeeded&limit=5&after=x' },
  { route: 'GET /v1/runs/{run_id}', needs: 'viewer', url: ({ runId }) => `/v1/runs/${runId}` },
  { route: 'POST /v1/runs/{run_id}/cancel', needs: 'operator', url: ({ runId }) => `/v1/runs/${runId}/cancel` },
  {
    route: 'POST /v1/runs/{run_id}/retry',
    needs: 'operator',
    status: 202,
    url: ({ runId }) => `/v1/runs/${runId}/retry`,
  },
  { route: 'GET /v1/dlq', needs: 'viewer' },
  { route: 'POST /v1/dlq/{job_id}/retry', needs: 'operator', url: ({ jobId }) => `/v1/dlq/${jobId}/retry` },
  {
    route: 'POST /v1/dlq/{job_id}/discard',
    needs: 'operator',
    url: ({ jobId }) => `/v1/dlq/${jobId}/discard`,
    body: async () => ({ reason: 'The upstream is gone.' }),
  },
  { route: 'GET /v1/quarantine', needs: 'viewer', url: () => '/v1/quarantine?reason=cast_failed&state=open' },
  { route: 'GET /v1/quarantine/summary', needs: 'viewer' },
  {
    route: 'GET /v1/quarantine/{quarantine_id}',
    needs: 'viewer',
    url: ({ quarantineId }) => `/v1/quarantine/${quarantineId}`,
  },
  {
    route: 'POST /v1/quarantine/preview',
    needs: 'operator',
    body: async () => example('api/examples/valid/recovery-preview-request-movies.json'),
  },
  {
    route: 'POST /v1/quarantine/recover',
    needs: 'operator',
    status: 202,
    body: async () => example('api/examples/valid/recovery-request-by-reason.json'),
  },
  {
    route: 'POST /v1/quarantine/discard',
    needs: 'operator',
    body: async () => example('api/examples/valid/quarantine-discard-request-movies.json'),
  },
  {
    route: 'POST /v1/quarantine/{quarantine_id}/discard',
    needs: 'operator',
    url: ({ quarantineId }) => `/v1/quarantine/${quarantineId}/discard`,
    body: async () => ({ reason: 'Never rated.' }),
  },
  {
    route: 'GET /v1/drift',
    needs: 'viewer',
    url: () => '/v1/drift?source=earthquakes&severity=breaking&state=accepted',
  },
  { route: 'GET /v1/drift/{drift_id}', needs: 'viewer', url: ({ driftId }) => `/v1/drift/${driftId}` },
  {
    route: 'POST /v1/drift/{drift_id}/accept',
    needs: 'operator',
    url: ({ driftId }) => `/v1/drift/${driftId}/accept`,
  },
  {
    route: 'POST /v1/drift/{drift_id}/ignore',
    needs: 'operator',
    url: ({ driftId }) => `/v1/drift/${driftId}/ignore`,
  },
  {
    route: 'POST /v1/scans',
    needs: 'operator',
    body: async () => example('api/examples/valid/scan-request-emails.json'),
  },
  {
    route: 'POST /v1/reveals',
    needs: 'admin',
    body: async () => ({ value: 'tok_1', reason: 'Asked for by whom it is about.' }),
  },
  {
    route: 'POST /v1/replays',
    needs: 'operator',
    body: async () => example('api/examples/valid/replay-request-candidate.json'),
  },
  {
    route: 'POST /v1/retention',
    needs: 'operator',
    body: async () => ({ source: 'earthquakes', dry_run: true }),
  },
  {
    route: 'POST /v1/profiles/diff',
    needs: 'operator',
    body: async () => example('api/examples/valid/profile-diff-request-applied-and-file.json'),
  },
  {
    route: 'POST /v1/profiles/{profile_id}/promote',
    needs: 'operator',
    url: () => '/v1/profiles/earthquakes/promote',
    body: async () => example('api/examples/valid/promote-request-rollback.json'),
  },
  {
    route: 'POST /v1/query',
    needs: 'viewer',
    body: async () => example('reports/examples/valid/query-stock-price-by-month.json'),
  },
  { route: 'GET /v1/reports', needs: 'viewer' },
  { route: 'GET /v1/reports/{report_id}', needs: 'viewer', url: () => '/v1/reports/seattle-weather' },
  {
    route: 'GET /v1/reports/{report_id}/render',
    needs: 'viewer',
    url: () => '/v1/reports/seattle-weather/render?format=html',
    bytes: true,
  },
  {
    route: 'POST /v1/reports/{report_id}/render',
    needs: 'viewer',
    url: () => '/v1/reports/seattle-weather/render?format=svg&section=a',
    bytes: true,
  },
  { route: 'GET /v1/profiles', needs: 'viewer' },
  {
    route: 'GET /v1/records/{record_id}/lineage',
    needs: 'viewer',
    url: ({ recordId }) => `/v1/records/${recordId}/lineage`,
  },
  { route: 'GET /v1/raw/{sha256}', needs: 'viewer', url: ({ raw }) => `/v1/raw/${raw.sha256}`, bytes: true },
  {
    route: 'GET /v1/artifacts/{sha256}',
    needs: 'viewer',
    url: ({ artifact }) => `/v1/artifacts/${artifact.sha256}`,
    bytes: true,
  },
  {
    route: 'GET /v1/artifacts/{sha256}/manifest',
    needs: 'viewer',
    url: ({ artifact }) => `/v1/artifacts/${artifact.sha256}/manifest`,
  },
  { route: 'GET /v1/audit/entries', needs: 'viewer', url: () => '/v1/audit/entries?limit=2' },
  { route: 'GET /v1/audit/checkpoint', needs: 'viewer' },
  { route: 'POST /v1/audit/verify', needs: 'viewer' },
  { route: 'GET /v1/totals', needs: 'viewer' },
  { route: 'GET /v1/health', needs: 'viewer' },
  { route: 'GET /v1/keys', needs: 'admin' },
  { route: 'POST /v1/keys', needs: 'admin', status: 201, body: async () => ({ name: 'new', role: 'viewer' }) },
  { route: 'POST /v1/keys/{key_id}/revoke', needs: 'admin', url: () => `/v1/keys/${revocable}/revoke` },
];
let revocable = '';

const split = (route: string): [string, string] => route.split(' ', 2) as [string, string];

async function call({ route, url, body }: Case, secret: string | undefined) {
  const [method, path] = split(route);
  return house.gateway.app.inject({
    method: method as 'GET',
    url: url?.(house) ?? path,
    headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
    ...(body === undefined ? {} : { payload: (await body()) as object }),
  });
}

describe('the API', () => {
  it('has a case here for every route that is registered, and no other', () => {
    const ours = [...registered].filter(
      (route) => / \/v1\//.test(route) && /^(GET|POST|PUT|PATCH|DELETE) /.test(route),
    );
    const declared = new Set(cases.map(({ route }) => route));
    // The remaining methods of each path answer 405.
    const answering = ours.filter((route) => declared.has(route));
    expect(answering.toSorted()).toEqual([...declared].toSorted());
    const paths = new Set(cases.map(({ route }) => split(route)[1]));
    expect(ours.filter((route) => !paths.has(split(route)[1]))).toEqual([]);
  });

  it('is documented route by route', async () => {
    const { paths } = await document();
    const documented = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const probes = ['GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /openapi.json'];
    expect(documented.toSorted()).toEqual([...cases.map(({ route }) => route), ...probes].toSorted());
    for (const probe of probes) expect(registered).toContain(probe);
  });

  it.each(cases)('$route asks for the role $needs', async (one) => {
    const { keyId } = (await house.deps.auth.createKey('default', 'cli', { name: 'x', role: 'viewer' })).key;
    revocable = keyId;
    const rank = ['viewer', 'operator', 'admin'] as const;
    expect((await call(one, undefined)).statusCode).toBe(401);
    for (const role of rank) {
      const response = await call(one, house.keys[role]);
      const expected = rank.indexOf(role) >= rank.indexOf(one.needs) ? (one.status ?? 200) : 403;
      expect([role, response.statusCode, response.statusCode < 400 ? '' : response.body]).toEqual([
        role,
        expected,
        expected < 400 ? '' : response.body,
      ]);
    }
  });

  it.each(cases.filter(({ bytes }) => bytes === undefined))('$route answers by its contract', async (one) => {
    const { keyId } = (await house.deps.auth.createKey('default', 'cli', { name: 'x', role: 'viewer' })).key;
    revocable = keyId;
    const response = await call(one, house.keys.admin);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.headers['cache-control']).toBe('no-store');
    const [method, path] = split(one.route);
    const pointer = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      String(one.status ?? 200),
      'content',
      'application/json',
      'schema',
    ];
    const ref = `openapi#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const check = ajv.getSchema(ref)!;
    expect(check(response.json()), `${ajv.errorsText(check.errors)} in ${response.body}`).toBe(true);
  });
});

describe('bytes', () => {
  const as = (url: string, method: 'GET' | 'HEAD' = 'GET') =>
    house.gateway.app.inject({ method, url, headers: { authorization: `Bearer ${house.keys.viewer}` } });

  it('raw payloads are downloads, never pages', async () => {
    const response = await as(`/v1/raw/${house.raw.sha256}`);
    expect(response.rawPayload.equals(house.raw.bytes)).toBe(true);
    expect(response.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(house.raw.bytes.length),
      'content-disposition': `attachment; filename="${house.raw.sha256}.bin"`,
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'x-chartly-content-type': 'text/html',
    });
  });

  it('HEAD tells the size without the bytes', async () => {
    const response = await as(`/v1/raw/${house.raw.sha256}`, 'HEAD');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-length']).toBe(String(house.raw.bytes.length));
    expect(response.rawPayload).toHaveLength(0);
  });

  it('renderings name their artifact and manifest, and may not run anything', async () => {
    const response = await as('/v1/reports/seattle-weather/render?format=html');
    expect(response.rawPayload.equals(house.artifact.bytes)).toBe(true);
    expect(response.headers['x-chartly-artifact-sha256']).toBe(house.artifact.sha256);
    expect(response.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'unsafe-inline'/);
    const kept = await as(`/v1/artifacts/${house.artifact.sha256}/manifest`);
    expect(kept.json()).toMatchObject({ artifact_sha256: house.artifact.sha256 });
    expect(response.headers['x-chartly-manifest-sha256']).toBe(sha256Hex(canonicalJson(kept.json())));
  });

  it('of payloads are not for viewers where the profile of their source has a policy', async () => {
    const { relational } = house.deps;
    const document = async (kind: string, id: string, spec: unknown): Promise<void> => {
      await relational.execute(
        `insert into document (tenant_id, kind, document_id, ordinal, version, digest, spec, active, applied_by)
         values ('default', $1, $2, 1, '1.0.0', $2, $3, true, 'cli')`,
        [kind, id, JSON.stringify(spec)],
      );
    };
    await document('source', 'earthquakes', { source: 'earthquakes', profile: 'guarded' });
    await document('profile', 'guarded', { profile: 'guarded', policy: {} });
    await relational.execute(
      `insert into raw_ref select tenant_id, source_id, run_id, page + 1, request_key, bucket, key, $1, content_type, size, captured_at from raw_ref limit 1`,
      [(await house.deps.normalizer.quarantinedRow('default', house.quarantineId)).record.raw_sha256],
    );
    const ask = (url: string, role: Role) =>
      house.gateway.app.inject({ url, headers: { authorization: `Bearer ${house.keys[role]}` } });
    const [raw, lineage, row] = [
      `/v1/raw/${house.raw.sha256}`,
      `/v1/records/${house.recordId}/lineage`,
      `/v1/quarantine/${house.quarantineId}`,
    ];
    expect((await ask(raw, 'viewer')).json()).toMatchObject({ code: 'forbidden' });
    expect((await ask(raw, 'operator')).statusCode).toBe(200);
    const shown = (await ask(lineage, 'viewer')).json<{ raw: Record<string, unknown> }>();
    expect([shown.raw.withheld, shown.raw.bytes_base64]).toEqual([true, undefined]);
    expect((await ask(lineage, 'operator')).json()).toMatchObject({ raw: { bytes_base64: expect.any(String) } });
    expect((await ask(row, 'viewer')).json()).toEqual({ record: expect.any(Object), withheld: true });
    expect((await ask(row, 'operator')).json()).toHaveProperty('bytes_base64');
    await relational.execute(`delete from document`);
  });

  it('belong to a tenant: another one sees nothing', async () => {
    const { secret } = await house.deps.auth.createKey('other', 'cli', { name: 'x', role: 'admin' });
    for (const url of [
      `/v1/raw/${house.raw.sha256}`,
      `/v1/artifacts/${house.artifact.sha256}`,
      `/v1/artifacts/${house.artifact.sha256}/manifest`,
      `/v1/records/${house.recordId}/lineage`,
    ]) {
      const response = await house.gateway.app.inject({ url, headers: { authorization: `Bearer ${secret}` } });
      expect([url, response.statusCode]).toEqual([url, 404]);
    }
  });
});

describe('lists', () => {
  it('of ledger entries page by index to their end', async () => {
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const url = `/v1/audit/entries?limit=2${after === undefined ? '' : `&after=${after}`}`;
      const response = await house.gateway.app.inject({
        url,
        headers: { authorization: `Bearer ${house.keys.viewer}` },
      });
      const page = response.json<{ items: { seq: string }[]; next?: string }>();
      seen.push(...page.items.map(({ seq }) => seq));
      after = page.next;
    } while (after !== undefined);
    const { size } = await house.deps.audit.head('default');
    expect(seen).toEqual(Array.from({ length: Number(size) }, (_, n) => String(n)));
  });
});
