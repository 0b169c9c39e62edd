import { afterAll, describe, expect, it } from 'vitest';
import type { Profile } from '#contracts';
import { canonicalJson, ChartlyError, sha256Hex, silentLogger } from '#kit';
import { decodeRecords } from '#storage';
import type { Batch } from './batch-builder.ts';
import { batches } from './batches.ts';
import { localLookups } from './local-lookups.ts';
import type { Lookups } from './lookup-resources.ts';
import { createMapper, inlineMapper, type Mapper } from './mapper.ts';
import { fixtureKeys } from './resources.ts';
import type { Vault } from './sealing.ts';
import { event, profileOf } from './testing.ts';

const threads = createMapper({ threads: 2, logger: silentLogger });
afterAll(() => threads.close());

const profile = profileOf('ndjson', [event({ dimensions: { name: 'name' }, measures: { n: 'n' } })]);
const keys = fixtureKeys();
const limits = { candidates: 100, weight: 1 << 20 };

function payloadOf(rows: number): Buffer {
  const line = (n: number): string =>
    n % 17 === 3 ? '{"id":' : JSON.stringify({ id: n % 400, t: n, name: `row ${n}`, n: n / 4 });
  return Buffer.from(Array.from({ length: rows }, (_, n) => `${line(n)}\n`).join(''));
}

interface Asked {
  mapper: Mapper;
  policy?: Profile['policy'];
  profile?: Profile;
  lookups?: Lookups;
  vault?: Vault;
  chunk?: number;
  signal?: AbortSignal;
  sha256?: string;
}

function mapped(
  payload: Buffer,
  { mapper, chunk = 5_000, signal, sha256, policy, vault = keys.vault, lookups, profile: own = profile }: Asked,
): AsyncGenerator<Batch> {
  const frame = {
    tenantId: 'default',
    sourceId: 'test',
    rawSha256: sha256 ?? sha256Hex(payload),
    profileId: profile.profile,
    profileVersion: profile.version,
    profileDigest: sha256Hex(canonicalJson(profile)),
    revision: 1n,
    capturedAtMs: 0,
  };
  async function* open(): AsyncGenerator<Uint8Array> {
    // Copies: a chunk's memory goes to the thread.
    for (let at = 0; at < payload.length; at += chunk) yield new Uint8Array(payload.subarray(at, at + chunk));
  }
  const resources = { ...keys.resources, lookups };
  const given = { profile: policy === undefined ? own : { ...own, policy }, resources, vault };
  return batches({ open, ...given, frame, signal: signal ?? new AbortController().signal, mapper, limits });
}

async function all(generator: AsyncGenerator<Batch>): Promise<Batch[]> {
  const found: Batch[] = [];
  for await (const batch of generator) found.push(batch);
  return found;
}

/** Bytes of any class as text, so that a Buffer equals the Uint8Array that it becomes on its way. */
function plain(found: readonly Batch[]): unknown {
  return found.map(({ records, ...rest }) => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    return {
      ...rest,
      count: records.count,
      ids: hex(records.ids),
      hashes: hex(records.hashes),
      block: hex(records.block),
    };
  });
}

describe('mapping threads', () => {
  it('give the batches that the same thread would', async () => {
    const payload = payloadOf(2_000);
    const here = await all(mapped(payload, { mapper: inlineMapper }));
    expect(here.length).toBeGreaterThan(10);
    for (const chunk of [700, 5_000, payload.length]) {
      expect(plain(await all(mapped(payload, { mapper: threads, chunk })))).toEqual(plain(here));
    }
  });

  it('look values up in the tables that they are given', async () => {
    const content = Buffer.from('name,group\nrow 1,first\n');
    const table = { file: 'groups.csv', sha256: sha256Hex(content), key: 'name' };
    const rule = { lookup: { in: 'groups', key: 'name', field: 'group' }, default: 'other' };
    const looking = { ...profile, lookups: { groups: table, people: { entities: { name: 'person' }, key: 'id' } } };
    looking.records = [event({ dimensions: { group: rule } })];
    const lookups = localLookups(looking, new Map([[table.sha256, content]]), new Map());
    const asked = { profile: looking, lookups };
    const payload = payloadOf(300);
    const here = await all(mapped(payload, { mapper: inlineMapper, ...asked }));
    expect(plain(await all(mapped(payload, { mapper: threads, ...asked })))).toEqual(plain(here));
    const groups = here.flatMap(({ records }) =>
      decodeRecords(records.block).map(({ dimensions }) => dimensions.group),
    );
    expect(new Set(groups)).toEqual(new Set(['first', 'other']));
  });

  it('map as many payloads as are asked for, more than there are threads', async () => {
    const sizes = [0, 1, 150, 900, 2_000, 10];
    const here = await Promise.all(sizes.map((rows) => all(mapped(payloadOf(rows), { mapper: inlineMapper }))));
    const there = await Promise.all(sizes.map((rows) => all(mapped(payloadOf(rows), { mapper: threads }))));
    expect(there.map(plain)).toEqual(here.map(plain));
  });

  it('give no last batch of bytes that are not those of the digest', async () => {
    const payload = payloadOf(950);
    const found: Batch[] = [];
    const reading = (async () => {
      for await (const batch of mapped(payload, { mapper: threads, sha256: sha256Hex('other') })) found.push(batch);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'blob_corrupt' });
    expect(found.length).toBeLessThan(10);
  });

  it('stop when the payload is cancelled or not read to its end, and take the next one', async () => {
    const payload = payloadOf(3_000);
    const abort = new AbortController();
    const reading = mapped(payload, { mapper: threads, chunk: 1_000, signal: abort.signal });
    await reading.next();
    abort.abort();
    await expect(all(reading)).rejects.toMatchObject({ code: 'cancelled' });
    for await (const batch of mapped(payload, { mapper: threads })) if (batch.chunk === 1) break;
    const rest = await Promise.all([1, 2, 3].map(() => all(mapped(payload, { mapper: threads }))));
    expect(rest.map((found) => found.length)).toEqual([30, 30, 30]);
  });

  it('ask for keys of subjects where they are, and pass on that there are none', async () => {
    const policy: Profile['policy'] = { subject: 'id', fields: { 'dimensions.name': { action: 'encrypt' } } };
    const payload = payloadOf(1_500);
    const here = await all(mapped(payload, { mapper: inlineMapper, policy }));
    expect(plain(await all(mapped(payload, { mapper: threads, policy })))).toEqual(plain(here));
    expect(plain(here)).not.toEqual(plain(await all(mapped(payload, { mapper: inlineMapper }))));
    const away = new ChartlyError('storage_unavailable', 'away', { retryable: true });
    const vault: Vault = { ...keys.vault, subjectKeys: () => Promise.reject(away) };
    await expect(all(mapped(payload, { mapper: threads, policy, vault }))).rejects.toBe(away);
    expect(plain(await all(mapped(payload, { mapper: threads, policy })))).toEqual(plain(here));
  });

  it('pass on what opening the payload throws, and what is wrong with the profile', async () => {
    const lost = new ChartlyError('not_found', 'gone');
    const open = (): AsyncIterable<Uint8Array> => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(lost) }),
    });
    const task = { profile, signal: new AbortController().signal, mapper: threads };
    const frame = {
      tenantId: 't',
      sourceId: 's',
      rawSha256: sha256Hex(''),
      profileId: 'p',
      profileVersion: '1',
      profileDigest: '',
    };
    const given = { ...task, frame: { ...frame, revision: 1n, capturedAtMs: 0 }, open };
    await expect(all(batches(given))).rejects.toBe(lost);
    const broken = { ...profile, select: '$' };
    const refused = all(batches({ ...given, profile: broken, open: async function* () {} }));
    await expect(refused).rejects.toMatchObject({ code: 'profile_invalid', details: [{ pointer: '/select' }] });
  });

  it('give up a payload of which nothing comes, and take the next one', async () => {
    // No chunk is gone through in a thousandth of a second.
    const mapper = createMapper({ threads: 1, logger: silentLogger, stalledMs: 1 });
    const payload = payloadOf(50_000);
    await expect(all(mapped(payload, { mapper, chunk: payload.length }))).rejects.toMatchObject({
      code: 'poisoned',
      retryable: false,
    });
    await mapper.close();
    expect(await all(mapped(payloadOf(10), { mapper: threads }))).toHaveLength(1);
  });

  it('end what runs when they are closed', async () => {
    const mapper = createMapper({ threads: 1, logger: silentLogger });
    const payload = payloadOf(5_000);
    const first = mapped(payload, { mapper });
    await first.next();
    const waiting = all(mapped(payload, { mapper }));
    const ended = Promise.allSettled([all(first), waiting]);
    await mapper.close();
    for (const result of await ended) expect(result).toMatchObject({ reason: { code: 'cancelled', retryable: true } });
  });
});
