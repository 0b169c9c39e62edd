import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Detector, Profile } from '#contracts';
import { createDetect } from './policy/detect.ts';
import { createTally } from './scan-tally.ts';
import { scanPayload } from './scan-payload.ts';
import { event, profileOf } from './testing.ts';

async function scanned(
  payload: string | Buffer,
  profile: Profile | undefined,
  { detectors, chunk = 1 << 20 }: { detectors?: Detector[]; chunk?: number } = {},
) {
  const bytes = Buffer.from(payload);
  const tally = createTally('test', createDetect());
  tally.begin({ sha256: 'a'.repeat(64), capturedAt: '2026-01-01T00:00:00.000Z' });
  async function* open(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunk) yield new Uint8Array(bytes.subarray(at, at + chunk));
  }
  const size = await scanPayload({ open, profile, detectors, signal: new AbortController().signal }, tally);
  const items = tally.items().map(({ where, pointer, detector, count }) => [where, pointer, detector, count]);
  return { size, tally, items, all: tally.items() };
}

const ndjson = profileOf('ndjson', [event()]);
const csv = profileOf('csv', [event()]);
const nested = profileOf('json', [event()], { select: '$.data[*]' });

describe('scanning a payload', () => {
  it('names the place in the row, with its bytes, and shows no value', async () => {
    const lines = [
      '{"id":1,"who":{"mail":"ada@example.org"},"to":["a@b.org","c@d.org"]}',
      '{"id":2,"phone":4930901820,"note":"from 8.8.8.8"}',
    ];
    const { items, all, size } = await scanned(lines.join('\n'), ndjson);
    expect(items).toEqual([
      ['row', '/who/mail', 'email', 1],
      ['row', '/to/*', 'email', 2],
      ['row', '/note', 'ip', 1],
    ]);
    expect(size).toBe(lines.join('\n').length);
    expect(all[0]!.samples).toEqual([{ masked: '***@example.org', byte_start: 0, byte_end: lines[0]!.length, row: 0 }]);
    expect(JSON.stringify(all)).not.toContain('ada');
  });

  it('reads tables by their columns, whose names give hints', async () => {
    const { items } = await scanned('id,ssn,n,memo\n1,536904399,536904399,x\n2,,7,call +49 30 901820\n', csv);
    expect(items).toEqual([
      ['row', '/ssn', 'us_ssn', 1],
      ['row', '/memo', 'phone', 1],
    ]);
  });

  it('looks at what is in no row as text, to the byte: other members, rows that cannot be read, all of it without a profile', async () => {
    const text = '{"meta":{"owner":"é boss@example.org"},"data":[{"id":1,"m":"a@b.org"}],"end":"z@y.org"}';
    const { items, all } = await scanned(text, nested);
    expect(items).toEqual([
      ['row', '/m', 'email', 1],
      ['text', '', 'email', 2],
    ]);
    const bytes = Buffer.from(text);
    const places = all[1]!.samples.map(({ byte_start, byte_end }) => bytes.toString('utf8', byte_start, byte_end));
    expect(places).toEqual(['boss@example.org', 'z@y.org']);
    expect((await scanned('{"id":1}\n{"id":"ada@example.org"\n{"id":2}', ndjson)).items).toEqual([
      ['text', '', 'email', 1],
    ]);
    expect((await scanned(text, undefined)).items).toEqual([['text', '', 'email', 3]]);
  });

  it('finds nothing in real data that holds nothing', async () => {
    const data = join(import.meta.dirname, '..', '..', 'node_modules', 'vega-datasets', 'data');
    for (const file of [
      'movies.json',
      'airports.csv',
      'flights-2k.json',
      'earthquakes.json',
      'us-employment.csv',
      'gapminder.json',
    ]) {
      const profile = profileOf(file.endsWith('.csv') ? 'csv' : 'json', [event()]);
      for (const reading of [profile, undefined]) {
        expect((await scanned(readFileSync(join(data, file)), reading)).items, file).toEqual([]);
      }
    }
  });

  it('hides names of members that are values, and finds them', async () => {
    const { items, all } = await scanned('{"seen":{"ada@example.org":1}}', ndjson);
    expect(items).toEqual([['row', '/seen/[email]', 'email', 1]]);
    expect(JSON.stringify(all)).not.toContain('ada');
  });

  it('reads through compression, and looks for what it is asked for alone', async () => {
    const zipped = gzipSync('{"a":"a@b.org","b":"8.8.8.8"}\n');
    expect((await scanned(zipped, ndjson)).items).toHaveLength(2);
    expect((await scanned(zipped, ndjson, { detectors: ['ip'] })).items).toEqual([['row', '/b', 'ip', 1]]);
  });

  it('counts the same whatever the pieces, also across the borders of windows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 70_000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1000, max: 200_000 }),
        async (gaps, chunk) => {
          const text = gaps.map((length, i) => `${'x '.repeat(length / 2)} user${i}@example.org `).join('');
          const { items } = await scanned(text, undefined, { chunk });
          expect(items).toEqual([['text', '', 'email', gaps.length]]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('never throws on any bytes, whatever the format', async () => {
    const profiles = [ndjson, csv, nested, undefined];
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(...profiles), async (bytes, profile) => {
        expect((await scanned(Buffer.from(bytes), profile)).size).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('lists a bounded number of places, and says that there are more', async () => {
    const members = Array.from({ length: 1500 }, (_, i) => `"m${i}":"u${i}@example.org"`);
    const { tally } = await scanned(`{${members.join(',')}}`, ndjson);
    expect([tally.findings, tally.truncated, tally.items().length]).toEqual([1500, true, 1000]);
  });
});
