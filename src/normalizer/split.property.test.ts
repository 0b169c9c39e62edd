import { defaultCaps } from '#formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { event, profileOf, type Ran, run } from './testing.ts';
import type { Profile } from '#contracts';

const caps = { ...defaultCaps, rowBytes: 60, depth: 5 };
const rule = event({ dimensions: { a: 'a' } });
const profiles: Profile[] = [
  profileOf('json', [rule]),
  profileOf('json', [rule], { select: '$.a[*]' }),
  profileOf('json', [rule], { select: '$[*].b' }),
  profileOf('json', [rule], { select: '$..a' }),
  profileOf('ndjson', [rule, event({ key: [{ const: 'twin' }, 'id'], on_missing: 'skip' })]),
  profileOf('csv', [rule]),
  profileOf('csv', [event({ unpivot: { exclude: ['id'] }, dimensions: { c: '@column', v: '@cell' } })]),
];

/** Bytes that are nearly right: pieces of the formats in any order, and damage. */
const piece = fc.constantFrom(
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '""',
  '\\',
  '\n',
  '\r\n',
  ' ',
  'id',
  't',
  'id,t',
  '"id"',
  '"a"',
  '5',
  '1',
  'null',
  '1e999',
  '{"id":"x","t":5}',
  '{"id":7,"t":5,"a":"b"}',
  '\ufeff',
  'ä',
  '\ud83d\ude00',
  '\\ud800',
  'x'.repeat(30),
);
const payload = fc.oneof(
  fc.array(piece, { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''))),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .array(fc.record({ id: fc.string(), t: fc.integer(), a: fc.jsonValue() }))
    .chain((rows) =>
      fc.constantFrom(JSON.stringify(rows), JSON.stringify({ a: rows }), rows.map((r) => JSON.stringify(r)).join('\n')),
    )
    .chain((text) => fc.nat({ max: text.length }).map((cut) => Buffer.from(cut % 3 === 0 ? text.slice(0, cut) : text))),
);
const chunks = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });

function summary({ records, rejections, counts }: Ran): unknown {
  return { records, rejections, counts };
}

describe('any bytes', () => {
  it.each(profiles.map((p) => [`${p.format} ${p.select ?? ''}`, p] as const))(
    'are accounted for, however they are cut: %s',
    async (_, profile) => {
      await fc.assert(
        fc.asyncProperty(payload, chunks, fc.integer({ min: 1, max: 5 }), async (bytes, sizes, candidates) => {
          const whole = await run(profile, bytes, { caps });
          const { counts } = whole;
          expect(counts.candidates).toBe(counts.records + counts.quarantined + counts.deduplicated + counts.skipped);
          expect(counts.records).toBe(whole.records.length);
          expect(new Set(whole.records.map((r) => r.recordId)).size).toBe(whole.records.length);
          for (const { start, end } of whole.rejections)
            expect(0 <= start && start <= end && end <= bytes.length).toBe(true);
          for (const r of whole.records) expect(r.byteStart < r.byteEnd && r.byteEnd <= bytes.length).toBe(true);
          expect(summary(await run(profile, bytes, { caps, chunks: sizes }))).toEqual(summary(whole));
          const cut = await run(profile, bytes, { caps, chunks: sizes, limits: { candidates, weight: 20 } });
          expect(cut.records).toEqual(whole.records);
          expect(cut.rejections).toEqual(whole.rejections);
          expect({ ...cut.counts, bytes: 0 }).toEqual({ ...counts, bytes: 0 });
        }),
        { numRuns: 300 },
      );
    },
  );
});

describe('CSV', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'b', ',', '"', '\n', '\r', ' ', 'ä', ';'), maxLength: 6 });
  const table = fc
    .integer({ min: 1, max: 4 })
    .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }));
  const written = (rows: string[][], lineEnd: string) =>
    rows.map((row) => row.map((c) => `"${c.replaceAll('"', '""')}"`).join(',') + lineEnd).join('');

  it('reads back what RFC 4180 writes', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.constantFrom('\n', '\r\n'), chunks, async (rows, lineEnd, sizes) => {
        const columns = rows[0]!.map((_, i) => `c${i}`);
        const dimensions = Object.fromEntries(columns.map((name) => [name, { path: name, trim: false }]));
        const record = { kind: 'entity' as const, name: 'row', key: [{ const: 'k' }], dimensions };
        const all = profileOf('csv', [record], { csv: { header: false, columns }, dedupe: { keep: 'last' } });
        const text = written(rows, lineEnd);
        const ran = await run(all, text, { chunks: sizes, limits: { candidates: 3, weight: 1e9 } });
        const expected = rows.at(-1)!.map((c, i) => [`c${i}`, c] as const);
        expect(ran.counts).toMatchObject({ rows: rows.length, records: 1, deduplicated: rows.length - 1 });
        expect(ran.records[0]!.dimensions).toEqual(Object.fromEntries(expected.filter(([, c]) => c !== '')));
      }),
      { numRuns: 300 },
    );
  });
});
