import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Profile } from '#contracts';
import { event, profileOf, run } from './testing.ts';

const lines = ['{"id":"a","t":5}', '{"id":"b","t":6}', '{"id":"c","t":7}'];
const csv = 'id,t\na,5\nb,6\nc,7\n';
const texts: [Profile, string][] = [
  [profileOf('ndjson', [event()]), `${lines.join('\n')}\n`],
  [profileOf('json', [event()]), `[${lines.join(',\n')}]`],
  [profileOf('json', [event()], { select: '$..r' }), `[${lines.map((line) => `{"r":${line}}`).join(',')}]`],
  [profileOf('csv', [event()]), csv],
  [profileOf('csv', [event()], { csv: { encoding: 'utf-16le' } }), csv],
];

function bytesOf(profile: Profile, text: string): Buffer {
  return Buffer.from(text, profile.csv?.encoding === 'utf-16le' ? 'utf16le' : 'utf8');
}

describe.each(texts.map(([p, text]) => [`${p.format} ${p.select ?? p.csv?.encoding ?? ''}`, p, text] as const))(
  'a compressed payload of %s',
  (_, profile, text) => {
    const plain = bytesOf(profile, text);

    it('gives the records of the plain one, with byte ranges of what it holds', async () => {
      const expected = await run(profile, plain);
      expect(expected.records).toHaveLength(3);
      for (const packed of [gzipSync(plain), zstdCompressSync(plain)]) {
        for (const chunks of [[1], [1 << 20]]) {
          const { records, rejections, counts } = await run(profile, packed, { chunks });
          expect(rejections).toEqual([]);
          expect(counts).toEqual(expected.counts);
          const places = records.map(({ byteStart, byteEnd, row }) => [byteStart, byteEnd, row]);
          expect(places).toEqual(expected.records.map(({ byteStart, byteEnd, row }) => [byteStart, byteEnd, row]));
        }
      }
    });

    it('that ends early keeps whole rows alone, and one quarantine row stands for the rest', async () => {
      const packed = gzipSync(plain, { level: 0 });
      const expected = await run(profile, plain);
      for (let length = 5; length < packed.length; length++) {
        const { records, rejections, counts } = await run(profile, packed.subarray(0, length), { chunks: [9] });
        expect(rejections.map(({ reason }) => reason)).toEqual(['truncated']);
        expect(counts.candidates).toBe(counts.records + 1);
        // No row that was cut is taken for a whole one.
        expect(records.map((r) => r.recordId)).toEqual(
          expected.records.slice(0, records.length).map((r) => r.recordId),
        );
        const [{ start, end }] = rejections as [(typeof rejections)[0]];
        expect(start).toBeGreaterThanOrEqual(records.at(-1)?.byteEnd ?? 0);
        expect(end).toBe(counts.bytes);
      }
    });
  },
);

describe('a payload', () => {
  it('that looks compressed is taken as it is when the profile says so', async () => {
    const { rejections } = await run(profileOf('ndjson', [event()], { compression: 'none' }), gzipSync(lines[0]!));
    expect(rejections.map(({ reason }) => reason)).toEqual(['invalid_utf8']);
  });

  it('beyond the limits of its profile keeps the rows before', async () => {
    const profile = profileOf('ndjson', [event()], { limits: { decoded_bytes: 40 } });
    const { records, rejections } = await run(profile, gzipSync(lines.join('\n')));
    expect(records).toHaveLength(2);
    expect(rejections).toMatchObject([{ reason: 'decoded_too_large', start: 34, end: 40, rule: 'format' }]);
    expect(rejections[0]!.message).toContain('limits.decoded_bytes');
  });

  it('of one huge row is bounded too', async () => {
    const profile = profileOf('csv', [event()], { limits: { decoded_bytes: 50 << 20, decoded_ratio: 1e6 } });
    const { rejections, counts } = await run(profile, gzipSync(Buffer.alloc(60 << 20, 0x78)));
    expect(rejections.map(({ reason }) => reason)).toEqual(['decoded_too_large']);
    expect(counts.bytes).toBe(50 << 20);
  });

  it('gives the same, however it is cut, whatever is wrong with it', async () => {
    const good = gzipSync(`${lines.join('\n')}\n`.repeat(5), { level: 0 });
    const profile = profileOf('ndjson', [event({ key: ['id', 't'] })]);
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 3 }),
        fc.nat({ max: good.length }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 3 }),
        async (changes, length, chunks) => {
          const bytes = Buffer.from(good.subarray(0, length));
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          const whole = await run(profile, bytes);
          const { candidates, records, quarantined, deduplicated } = whole.counts;
          expect(candidates).toBe(records + quarantined + deduplicated);
          expect(await run(profile, bytes, { chunks })).toEqual(whole);
        },
      ),
      { numRuns: 200 },
    );
  });
});
