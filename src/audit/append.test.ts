import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { validator } from '#contracts';
import { canonicalJson, leafHash, newUuid } from '#kit';
import { openEngines, type Engines } from './fixture.ts';
import type { LedgerEntry, NewEntry } from './index.ts';

let engines: Engines;
beforeAll(async () => {
  engines = await openEngines();
});
afterAll(() => engines.close());

const fact = (tenantId: string, dedupeKey: string, more: Partial<NewEntry> = {}): NewEntry => ({
  tenantId,
  actor: 'service:test',
  action: 'key.created',
  resource: 'key:x',
  outcome: 'succeeded',
  details: { name: dedupeKey },
  dedupeKey,
  ...more,
});

async function whole(tenantId: string): Promise<LedgerEntry[]> {
  const all: LedgerEntry[] = [];
  for (let after = -1n; ; after = all.at(-1)!.seq) {
    const page = await engines.audit.entries(tenantId, { after, limit: 7 });
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** Everything that the door promises of a ledger. */
async function expectSound(tenantId: string): Promise<LedgerEntry[]> {
  const all = await whole(tenantId);
  let prev = '0'.repeat(64);
  all.forEach(({ seq, entry, leafHash: hash }, n) => {
    expect(seq).toBe(BigInt(n));
    expect(entry.seq).toBe(String(n));
    expect(entry.prev).toBe(prev);
    expect(validator('audit/entry')(entry)).toBe(true);
    expect(leafHash(canonicalJson(entry)).toString('hex')).toBe(hash);
    prev = hash;
  });
  expect(await engines.audit.head(tenantId)).toEqual({ size: BigInt(all.length), head: prev });
  return all;
}

describe('append', () => {
  test('an empty ledger has size 0', async () => {
    expect(await engines.audit.head('empty')).toEqual({ size: 0n, head: '0'.repeat(64) });
    expect(await engines.audit.entries('empty')).toEqual([]);
    expect(await engines.audit.append([])).toEqual([]);
  });

  test('appends in order and gives back what is stored', async () => {
    const runId = newUuid();
    const given = await engines.audit.append([
      fact('order', 'a', { runId, details: { n: 1, text: 'ü "quoted"', flag: true } }),
      fact('order', 'b'),
      fact('order-2', 'a'),
    ]);
    expect(given.map(({ seq, entry }) => [entry.origin, seq])).toEqual([
      ['chartly/order', 0n],
      ['chartly/order', 1n],
      ['chartly/order-2', 0n],
    ]);
    expect(await expectSound('order')).toEqual(given.slice(0, 2));
    expect(await engines.audit.entries('order', { runId })).toEqual([given[0]]);
    expect(await engines.audit.entries('order', { runId: 'no run' })).toEqual([]);
    expect(await engines.audit.entries('order', { after: 0n })).toEqual([given[1]]);
  });

  test('the same fact again gives the first entry, whatever else it says now', async () => {
    const [first] = await engines.audit.append([fact('again', 'a')]);
    const repeated = await engines.audit.append([
      fact('again', 'b'),
      fact('again', 'a', { details: { name: 'other' } }),
      fact('again', 'b'),
    ]);
    expect(repeated[1]).toEqual(first);
    expect(repeated[2]).toEqual(repeated[0]);
    expect(await expectSound('again')).toEqual([first, repeated[0]]);
  });

  test('an entry commits with the transaction it is given, and goes with it', async () => {
    const { relational, audit } = engines;
    const lost = relational.transaction(async (tx) => {
      await audit.append([fact('tx', 'a')], tx);
      throw new Error('after the append');
    });
    await expect(lost).rejects.toThrow('after the append');
    expect(await expectSound('tx')).toEqual([]);
    await relational.transaction((tx) => audit.append([fact('tx', 'a'), fact('tx', 'b')], tx));
    expect((await expectSound('tx')).length).toBe(2);
  });

  test('an entry that breaks its contract, or is too large, is refused and nothing is recorded', async () => {
    const nested = fact('refused', 'b', { details: { list: [1] } as unknown as NewEntry['details'] });
    await expect(engines.audit.append([fact('refused', 'a'), nested])).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ pointer: '/details/list' }],
    });
    const large = fact('refused', 'c', { details: { text: 'x'.repeat(9000) } });
    await expect(engines.audit.append([large])).rejects.toMatchObject({ code: 'validation_failed' });
    expect(await expectSound('refused')).toEqual([]);
  });

  test('any appends at once, with keys repeated and transactions lost, leave one contiguous chain with each fact once', async () => {
    const call = fc.record({
      keys: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 }),
      how: fc.constantFrom('alone', 'in a transaction', 'in a lost transaction'),
    });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        const tenantId = `chain-${n++}`;
        const { audit, relational } = engines;
        const run = async ({ keys, how }: (typeof calls)[number]): Promise<LedgerEntry[]> => {
          const facts = keys.map((key) => fact(tenantId, `k${key}`));
          if (how === 'alone') return await audit.append(facts);
          if (how === 'in a transaction') return await relational.transaction((tx) => audit.append(facts, tx));
          const lost = relational.transaction(async (tx) => {
            await audit.append(facts, tx);
            throw new Error('lost');
          });
          await expect(lost).rejects.toThrow('lost');
          return [];
        };
        const given = (await Promise.all(calls.map(run))).flat();
        const stored = await expectSound(tenantId);
        const wanted = new Set(calls.flatMap(({ keys, how }) => (how === 'in a lost transaction' ? [] : keys)));
        expect(stored.map(({ entry }) => String(entry.details.name)).toSorted()).toEqual(
          [...wanted].map((k) => `k${k}`).toSorted(),
        );
        for (const entry of given) expect(stored[Number(entry.seq)]).toEqual(entry);
      }),
      { numRuns: 40 },
    );
  });
});
