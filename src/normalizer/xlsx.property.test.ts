import { writeXlsx } from 'hucre/xlsx';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordRule } from '#contracts';
import { profileOf, run } from './testing.ts';
import { rowXml, workbook } from './xlsx-testing.ts';

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((s) => s.trim() !== '' && s.isWellFormed() && !/[\p{Cc}\ufffe\uffff]|_x[0-9a-f]{4}_/iu.test(s));
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n));
const cells = fc.tuple(text, fc.option(fc.oneof(text, number, fc.boolean())), fc.option(number));
const table = fc.array(cells, { minLength: 1, maxLength: 25 });
const rule: RecordRule = {
  kind: 'entity',
  name: 'row',
  key: ['id'],
  dimensions: { id: { path: 'id', trim: false }, v: { path: 'v', trim: false } },
  measures: { n: 'n' },
};
const profile = profileOf('xlsx', [rule]);
type Rows = (string | number | boolean | null)[][];
const own = (rows: Rows): Buffer =>
  workbook({
    sheets: [{ name: 'S', rows: [['id', 'v', 'n'], ...rows].map((row, i) => rowXml(i + 1, row)).join('') }],
    formats: ['0.00'],
  });

async function expectRows(bytes: Buffer, rows: Rows): Promise<void> {
  const { records, rejections, counts } = await run(profile, bytes);
  expect(rejections).toEqual([]);
  expect(counts.rows).toBe(rows.length);
  const last = new Map(rows.map((row) => [String(row[0]).trim(), row]));
  const found = records.map(({ dimensions, measures }) => [dimensions.id, dimensions.v, measures.n]);
  const shown = (v: Rows[number][number]) => (v === null || String(v).trim() === '' ? undefined : String(v));
  const wanted = [...last.values()].map(([id, v, n]) => [id, shown(v!), n ?? undefined]);
  expect(new Set(found.map(String))).toEqual(new Set(wanted.map(String)));
  expect(found).toHaveLength(wanted.length);
}

const directoryBytes = 700;

describe('XLSX', () => {
  it('gives back what was written', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => expectRows(own(rows), rows)),
      { numRuns: 150 },
    );
  });

  it('gives back what another writer wrote', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const all = [['id', 'v', 'n'], ...rows];
        await expectRows(Buffer.from(await writeXlsx({ sheets: [{ name: 'S', rows: all }] })), rows);
      }),
      { numRuns: 40 },
    );
  });

  it('gives the same for any division of the payload into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), async (rows, chunks) => {
        const bytes = own(rows);
        expect(await run(profile, bytes, { chunks })).toEqual(await run(profile, bytes));
      }),
      { numRuns: 40 },
    );
  });

  it('never crashes on damage, and accounts for what it finds', async () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(table, flips, fc.option(fc.nat()), async (rows, changes, cut) => {
        let bytes = own(rows);
        // Every second change is of the archive's directory, which all depends on.
        for (const [at, byte] of changes)
          bytes[at % 2 === 0 ? at % bytes.length : bytes.length - 1 - (at % directoryBytes)] = byte;
        if (cut !== null) bytes = bytes.subarray(0, cut % bytes.length);
        const { counts, records, rejections } = await run(profile, bytes);
        expect(counts.candidates).toBe(counts.records + counts.quarantined + counts.deduplicated + counts.skipped);
        for (const { start, end } of rejections) expect(0 <= start && start <= end && end <= bytes.length).toBe(true);
        // Rows that are gone have left a word.
        if (records.length === 0) expect(rejections.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });

  it('reads sheets that are nearly right to a bounded end', async () => {
    const piece = fc.constantFrom(
      '<row>', '<row r="3">', '<row r="2"/>', '</row>', '<c>', '<c r="B2" t="s">', '<c t="inlineStr">', '</c>', '<v>', '</v>', '1', 'x',
      '<is>', '</is>', '<t>', '</t>', '&lt;', '&#x41;', '&', '<!--', '-->', '<![CDATA[', ']]>', '"', "'", '<', '>', '/', '<?x?>', 'é',
    ); // prettier-ignore
    const rows = fc.array(piece, { maxLength: 40 }).map((parts) => parts.join(''));
    const head = rowXml(1, ['id', 'v', 'n']);
    await fc.assert(
      fc.asyncProperty(rows, async (xml) => {
        const { counts } = await run(profile, workbook({ sheets: [{ name: 'S', rows: head + xml }] }));
        expect(counts.candidates).toBe(counts.records + counts.quarantined + counts.deduplicated + counts.skipped);
      }),
      { numRuns: 400 },
    );
  });
});
