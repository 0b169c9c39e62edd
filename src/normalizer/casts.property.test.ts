// What goes in as a number of many digits comes out with all of them, and local times mean what they mean elsewhere.
import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import type { Profile, Rule } from '#contracts';
import { recordIds } from './record-ids.ts';
import { profileOf, run } from './testing.ts';

const idOf = recordIds('default', 'test');

const profile = (cast: 'int64' | 'decimal', format: Profile['format']): Profile =>
  profileOf(format, [
    {
      kind: 'entity',
      name: 'x',
      key: [{ path: 'a', cast }],
      dimensions: { d: { path: 'a', cast }, plain: 'a' },
      measures: { m: { path: 'a', cast } },
    },
  ]);

/** Each number as a JSON number, as JSON text, and in a CSV column: what the casts give of each. */
async function read(cast: 'int64' | 'decimal', written: string, plain: string): Promise<void> {
  const json = `{"a":${written.replace(/^\+/, '')}}\n{"a":"${written}"}`;
  for (const [format, payload] of [
    ['ndjson', json],
    ['csv', `a\n"${written}"\n`],
  ] as const) {
    const { records, rejections, counts } = await run(profile(cast, format), payload);
    expect(rejections).toEqual([]);
    // Both rows of JSON have the same key.
    expect(counts.records).toBe(1);
    const [record] = records;
    expect(record!.dimensions.d).toBe(plain);
    expect(record!.recordId).toBe(idOf('entity', [plain]));
    expect(record!.exact?.m ?? String(record!.measures.m)).toSatisfy(
      (text: string) => text === plain || (record!.exact === undefined && Number(text) === Number(plain)),
    );
    if (record!.exact === undefined)
      expect(BigInt(Math.trunc(record!.measures.m!)) === BigInt(plain.split('.')[0]!)).toBe(true);
    expect(record!.measures.m).toBe(Number(plain));
  }
}

describe('exact numbers', () => {
  it('any int64 comes back as it is', async () => {
    const integer = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
      fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n),
    );
    await fc.assert(
      fc.asyncProperty(integer, async (n) => read('int64', String(n), String(n))),
      { numRuns: 300 },
    );
  });

  it('any decimal of up to 38 digits comes back as it is', async () => {
    const digits = fc.stringMatching(/^[1-9]\d{0,36}[1-9]$/);
    await fc.assert(
      fc.asyncProperty(digits, fc.nat({ max: 38 }), fc.boolean(), async (text, places, negative) => {
        const at = Math.min(places, text.length);
        const whole = text.slice(0, text.length - at) || '0';
        const plain = `${negative ? '-' : ''}${at === 0 ? text : `${whole}.${text.slice(text.length - at)}`}`;
        await read('decimal', plain, plain);
        // Written with an exponent it is the same number.
        await read('decimal', `${negative ? '-' : ''}${text}e-${at}`, plain);
      }),
      { numRuns: 200 },
    );
  });
});

describe('local times around changes of the clock', () => {
  const zones = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'America/Sao_Paulo',
    'Africa/Casablanca',
    'Pacific/Apia',
    'Asia/Tehran',
  ];
  /** Instants of changes, from luxon alone. */
  const changes = zones.flatMap((zone) => {
    const found: { zone: string; at: number }[] = [];
    for (let day = Date.UTC(2005, 0); day < Date.UTC(2024, 0); day += 86_400_000) {
      const offset = (ms: number): number => DateTime.fromMillis(ms, { zone }).offset;
      if (offset(day) === offset(day + 86_400_000)) continue;
      let [low, high] = [day, day + 86_400_000];
      while (high - low > 60_000) {
        const middle = Math.floor((low + high) / 120_000) * 60_000;
        if (offset(middle) === offset(day)) low = middle;
        else high = middle;
      }
      found.push({ zone, at: high });
    }
    return found;
  });

  it('are those of luxon in every zone and both ways', async () => {
    expect(changes.length).toBeGreaterThan(100);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...changes),
        fc.integer({ min: -240, max: 240 }),
        async ({ zone, at }, minutes) => {
          const offsets = [at - 86_400_000, at + 86_400_000].map(
            (ms) => DateTime.fromMillis(ms, { zone }).offset * 60_000,
          );
          const local = at + offsets[0]! + minutes * 60_000;
          const text = new Date(local).toISOString().slice(0, 19);
          const meant = [...new Set(offsets.map((offset) => local - offset))].sort((a, b) => a - b);
          const real = meant.filter(
            (ms) => DateTime.fromMillis(ms, { zone }).toFormat("yyyy-MM-dd'T'HH:mm:ss") === text,
          );
          const read = async (ambiguous: Rule['ambiguous']): Promise<number | string> => {
            const rule = { path: 't', timezone: zone, ambiguous };
            const { records, rejections } = await run(
              profileOf('ndjson', [{ kind: 'event', name: 'x', key: ['t'], ts: rule }]),
              JSON.stringify({ t: text }),
            );
            return rejections[0]?.reason ?? records[0]!.tsMs!;
          };
          const choices = real.length === 0 ? meant : real;
          expect(await read('earlier')).toBe(choices[0]);
          expect(await read('later')).toBe(choices.at(-1));
          expect(await read('reject')).toBe(real.length === 1 ? real[0] : 'time_ambiguous');
        },
      ),
      { numRuns: 300 },
    );
  });
});
