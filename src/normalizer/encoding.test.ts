import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Profile } from '#contracts';
import { profileOf, run } from './testing.ts';

type Encoding = NonNullable<NonNullable<Profile['csv']>['encoding']>;

const table = (csv: Profile['csv'], format: Profile['format'] = 'csv'): Profile =>
  profileOf(format, [{ kind: 'entity', name: 'x', key: ['id'], dimensions: { d: { path: 'd', trim: false } } }], {
    csv,
  });

const bytesOf: Record<Encoding, (text: string) => Buffer> = {
  'utf-8': (text) => Buffer.from(text),
  'utf-16le': (text) => Buffer.from(text, 'utf16le'),
  'iso-8859-1': (text) => Buffer.from(text, 'latin1'),
  'windows-1252': (text) => Buffer.from(text.replaceAll('\u20ac', '\x80').replaceAll('\u2019', '\x92'), 'latin1'),
};
const letters: Record<Encoding, string[]> = {
  'utf-8': ['a', ',', '"', '\n', '\u00e4', '\u{1f600}'],
  'utf-16le': ['a', ',', '"', '\n', '\u00e4', '\u{1f600}', '\u0a0a', '\u2c2c', '\u0d00', '\u2200', '\u000d'],
  'iso-8859-1': ['a', ',', '"', '\n', '\u00e4', '\u0085'],
  'windows-1252': ['a', ',', '"', '\n', '\u00e4', '\u20ac', '\u2019'],
};
const encodings = Object.keys(letters) as Encoding[];
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

describe.each(encodings)('a table in %s', (encoding) => {
  it('gives its texts, and the byte range of every row in the payload as it came', async () => {
    const text = fc.array(fc.constantFrom(...letters[encoding]), { maxLength: 6 }).map((all) => all.join(''));
    const chunks = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 6 }),
        chunks,
        fc.constantFrom('\n', '\r\n'),
        async (texts, cuts, end) => {
          const rows = texts.map((d, i) => `${i},${quoted(`x${d}`)}`);
          const payload = bytesOf[encoding](`id,d${end}${rows.join(end)}${end}`);
          const { records, counts } = await run(table({ encoding }), payload, { chunks: cuts });
          expect(counts).toMatchObject({ records: texts.length, quarantined: 0 });
          expect(records.map((r) => r.dimensions.d)).toEqual(texts.map((d) => `x${d}`));
          const parts = records.map((r) => payload.subarray(r.byteStart, r.byteEnd));
          expect(parts).toEqual(rows.map((row) => bytesOf[encoding](row)));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('encodings', () => {
  it('may have a byte order mark', async () => {
    for (const encoding of ['utf-8', 'utf-16le'] as const) {
      for (const chunks of [[1], [100]]) {
        const { records } = await run(table({ encoding }), bytesOf[encoding]('\ufeffid,d\n1,x'), { chunks });
        const start = encoding === 'utf-8' ? 8 : 12;
        expect(records).toMatchObject([{ byteStart: start, dimensions: { d: 'x' } }]);
      }
    }
  });

  it('quarantine rows that are not of them, and go on', async () => {
    const wide = bytesOf['utf-16le']('id,d\n1,x\ud800\n2,y\n');
    const lone = await run(table({ encoding: 'utf-16le' }), wide);
    expect(lone.rejections).toMatchObject([{ reason: 'invalid_utf8', start: 10, end: 18 }]);
    expect(lone.records.map((r) => r.dimensions.d)).toEqual(['y']);
    const odd = await run(table({ encoding: 'utf-16le' }), wide.subarray(0, -1), { chunks: [3] });
    expect(odd.rejections.map((r) => [r.reason, r.start, r.end])).toEqual([
      ['invalid_utf8', 10, 18],
      ['invalid_utf8', 20, 27],
    ]);
    const latin = await run(table({}), bytesOf['iso-8859-1']('id,d\n1,\u00e4\n2,y'));
    expect(latin.rejections).toMatchObject([{ reason: 'invalid_utf8' }]);
    expect(latin.records).toHaveLength(1);
  });

  it('do not hide quoting that is wrong', async () => {
    const payload = bytesOf['utf-16le']('id,d\n1,"x"y\n2,"z\n3,u');
    const { rejections } = await run(table({ encoding: 'utf-16le' }), payload);
    expect(rejections.map((r) => r.reason)).toEqual(['parse_error', 'truncated']);
  });
});

describe('tsv', () => {
  it('is csv with tabs', async () => {
    const { records } = await run(table(undefined, 'tsv'), 'id\td\n1\tx,"y"\n2\t"a\tb"\n');
    expect(records.map((r) => r.dimensions.d)).toEqual(['x,"y"', 'a\tb']);
    const other = await run(table({ delimiter: ';' }, 'tsv'), 'id;d\n1;x');
    expect(other.records.map((r) => r.dimensions.d)).toEqual(['x']);
  });
});
