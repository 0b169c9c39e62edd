import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validator, type RecordRule, type Rule } from '#contracts';
import { inferProfile, preview, type Inference, type InferInput } from './index.ts';
import { archive } from './testing-zip.ts';

const data = join(import.meta.dirname, '..', '..', 'node_modules', 'vega-datasets', 'data');

async function inferText(text: string | Uint8Array, more: Partial<InferInput> = {}): Promise<Inference> {
  return inferProfile({ open: () => bytesOf(text), name: 'sample', ...more });
}

/** In pieces, as payloads come. */
async function* bytesOf(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string);
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function firstRule(text: string): Promise<RecordRule> {
  return (await inferText(text)).profile.records[0]!;
}

const csvOf = (rows: readonly (readonly unknown[])[]): string => rows.map((row) => row.join(',')).join('\n');

/** A column of these times, beside numbers. */
async function timeRule(times: readonly (string | number)[], name = 'date'): Promise<Rule> {
  return (await firstRule(csvOf([[name, 'size'], ...times.map((time, i) => [time, i * 1.5])]))).ts as Rule;
}

describe('personal data', () => {
  it('is named with its column, and not shown', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => [
      i,
      `user${i}@example.org`,
      i % 30 === 0 ? `from 10.0.0.${i}` : 'x',
      100 + i,
    ]);
    const { notes } = await inferText(csvOf([['id', 'contact', 'note', 'size'], ...rows]));
    const found = notes.profile.filter(({ text }) => text.startsWith('personal'));
    expect(found).toEqual([
      {
        pointer: '/records',
        text: 'personal data: contact holds an e-mail address; say in a policy what becomes of it',
      },
      { pointer: '/records', text: 'personal data: note holds an IP address; say in a policy what becomes of it' },
    ]);
    expect(JSON.stringify(notes)).not.toContain('user1@');
  });

  it('is not seen where there is none', async () => {
    for (const file of ['movies.json', 'airports.csv', 'earthquakes.json']) {
      const open = (): AsyncIterable<Uint8Array> => createReadStream(join(data, file));
      const { notes } = await inferProfile({ open, name: file });
      expect(notes.profile.filter(({ text }) => text.startsWith('personal'))).toEqual([]);
    }
  });
});

describe('real data', () => {
  // The share is records of candidates; what is missing from 1 are rows that another row repeats in every column.
  it.each<[file: string, kind: string, key: string[], ts: string | undefined, candidates: number, share: number]>([
    ['earthquakes.json', 'event', ['id'], 'properties.time', 1707, 1],
    ['stocks.csv', 'metric', ['symbol', 'date'], 'date', 560, 1],
    ['co2-concentration.csv', 'event', ['Date'], 'Date', 741, 1],
    ['seattle-weather.csv', 'event', ['date'], 'date', 1461, 1],
    ['us-employment.csv', 'metric', ['@column', 'month'], 'month', 2760, 1],
    ['airports.csv', 'entity', ['iata'], undefined, 3376, 1],
    ['flights-2k.json', 'event', ['date', 'origin', 'destination'], 'date', 2000, 1],
    ['movies.json', 'event', ['Title', 'Release Date'], 'Release Date', 3201, 1],
    ['cars.json', 'event', ['Name', 'Weight_in_lbs', 'Year', 'Origin'], 'Year', 406, 1],
    [
      'penguins.json',
      'entity',
      ['Species', 'Island', 'Beak Length (mm)', 'Beak Depth (mm)', 'Body Mass (g)', 'Sex'],
      undefined,
      344,
      1,
    ],
    ['gapminder.json', 'event', ['year', 'country'], 'year', 682, 1],
    [
      'birdstrikes.csv',
      'event',
      [
        'Airport Name',
        'Aircraft Make Model',
        'Effect Amount of damage',
        'Flight Date',
        'Aircraft Airline Operator',
        'Origin State',
        'Phase of flight',
        'Wildlife Size',
        'Wildlife Species',
        'Time of day',
        'Cost Repair',
        'Cost Total $',
        'Speed IAS in knots',
      ],
      'Flight Date',
      10_000,
      0.9976,
    ],
    ['disasters.csv', 'metric', ['Entity', 'Year'], 'Year', 803, 1],
    ['sp500.csv', 'metric', ['date'], 'date', 123, 1],
    ['unemployment-across-industries.json', 'event', ['series', 'date'], 'date', 1708, 1],
    ['weather.csv', 'event', ['location', 'date'], 'date', 2922, 1],
    // Years before 1900, which a record's time cannot be: the year stays a number.
    ['global-temp.csv', 'entity', ['year'], undefined, 144, 1],
    ['iowa-electricity.csv', 'metric', ['year', 'source'], 'year', 51, 1],
    ['obesity.json', 'entity', ['id'], undefined, 50, 1],
    ['wheat.json', 'entity', ['year'], undefined, 52, 1],
    ['barley.json', 'metric', ['variety', 'year', 'site'], 'year', 120, 1],
  ])('%s gives %s records', async (file, kind, key, ts, candidates, share) => {
    const open = () => createReadStream(join(data, file));
    const { profile, report } = await inferProfile({ open, name: file.replace(/\.\w+$/, '') });
    expect(validator('profiles/profile')(profile)).toBe(true);
    expect(validator('reports/report')(report)).toBe(true);
    const rule = profile.records[0]!;
    expect(rule).toMatchObject({ kind });
    expect(rule.key.map((part) => (typeof part === 'string' ? part : part.path))).toEqual(key);
    expect((rule.ts as Rule | undefined)?.path).toBe(ts);
    const { counts } = await preview(profile, open, { keep: 0 });
    expect(counts).toMatchObject({ candidates, quarantined: 0, skipped: 0 });
    expect(counts.records / counts.candidates).toBe(share);
  });
});

describe('where the rows are', () => {
  const rows = JSON.stringify([
    { id: 'a', n: 1 },
    { id: 'b', n: 2 },
    { id: 'c', n: 3 },
    { id: 'd', n: 4 },
  ]);

  it.each([
    [rows, '$[*]'],
    [`{"meta":{"n":[1,2]},"data":{"the items":${rows}}}`, "$.data['the items'][*]"],
    [`[{"page":1,"rows":[${Array(9).fill(rows.slice(1, -1)).join()}]}]`, '$[*].rows[*]'],
    [`{"tiny":[{"a":1}],"big":${rows}}`, '$.big[*]'],
    [`{"rates":{"x":{"v":1},"y":{"v":2},"z":{"v":3}}}`, '$.rates[*]'],
    [`{"id":"one","n":5}`, undefined],
  ])('%s', async (text, select) => {
    const { profile } = await inferText(text);
    expect(profile).toMatchObject({ format: 'json' });
    expect(profile.select).toBe(select);
    const { counts } = await preview(profile, () => bytesOf(text));
    expect(counts.quarantined).toBe(0);
    expect(counts.records).toBeGreaterThan(0);
  });

  it('sees one JSON value a line', async () => {
    const { profile, rows: seen } = await inferText('{"id":"a","n":1}\n{"id":"b","n":2}\n');
    expect(profile.format).toBe('ndjson');
    expect(seen).toBe(2);
  });

  it.each([
    [',', undefined],
    [';', { delimiter: ';' }],
    ['\t', { delimiter: '\t' }],
    ['|', { delimiter: '|' }],
  ])('sees the delimiter %j', async (delimiter, csv) => {
    const text = [
      ['name', 'city', 'size'],
      ['"a, b; c"', 'x', '1.5'],
      ['d', 'y', '2'],
    ]
      .map((row) => row.join(delimiter))
      .join('\n');
    const { profile } = await inferText(text);
    expect(profile.csv).toEqual(csv);
    expect((await preview(profile, () => bytesOf(text))).records).toHaveLength(2);
  });

  it('makes up names when there is no header', async () => {
    const { profile } = await inferText('2024-01-01,5.5\n2024-01-02,6.5\n2024-01-03,7.5\n');
    expect(profile.csv).toEqual({ header: false, columns: ['column_1', 'column_2'] });
    expect(profile.records[0]).toMatchObject({ kind: 'metric', key: ['column_1'] });
  });

  it('takes years in the first row for names', async () => {
    expect((await inferText('country,1990,1991,1992\nA,1,2,3\nB,4,5,6')).profile.csv).toBeUndefined();
  });

  it('refuses what has no rows', async () => {
    await expect(inferText('')).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(inferText('{}')).rejects.toMatchObject({ code: 'validation_failed' });
  });

  it('stops after the rows it was told to look at', async () => {
    const text = csvOf([['id', 'n'], ...Array.from({ length: 20_000 }, (_, i) => [`x${i}`, i])]);
    expect((await inferText(text, { limit: 100 })).rows).toBe(100);
  });
});

describe('times', () => {
  it.each<[times: (string | number)[], rule: Partial<Rule>]>([
    [['2024-01-31', '2024-02-01'], { format: 'iso' }],
    [['2024-01-31T05:00:00Z', '2024-02-01T05:00:00.5+01:00'], { format: 'iso' }],
    [['Jan 1 2000', 'May 21 2001'], { format: 'MMM d yyyy' }],
    [['2001/01/01 06:55', '2001/12/31 23:59'], { format: 'yyyy/MM/dd HH:mm' }],
    [['03/04/2024', '05/13/2024'], { format: 'MM/dd/yyyy' }],
    [['03/04/2024', '13/05/2024'], { format: 'dd/MM/yyyy' }],
    [['3.4.2024', '13.11.2024'], { format: 'd.M.yyyy' }],
    [['1/2/2024 1:05 PM', '12/31/2024 11:59 AM'], { format: 'M/d/yyyy h:mm a' }],
    [['20240131', '20240201'], { format: 'yyyyMMdd' }],
    [['2024-01', '2024-02'], { format: 'yyyy-MM' }],
    [[1_706_659_200, 1_706_745_600], { cast: 'epoch_s' }],
    [[1_706_659_200_000, 1_706_745_600_000], { cast: 'epoch_ms' }],
    [[1999, 2000], { format: 'yyyy' }],
    [['2024-01-31', 'Feb 1 2024'], { format: ['iso', 'MMM d yyyy'] }],
  ])('%j', async (times, rule) => {
    expect(await timeRule(times)).toEqual({ path: 'date', ...rule });
  });

  it('says so when day and month could change places', async () => {
    const { notes } = await inferText('date,size\n03/04/2024,1.5\n05/06/2024,2.5\n');
    expect(notes.profile).toContainEqual({
      pointer: '/records/0/ts',
      text: 'guess: dd/MM/yyyy would read every row too, and mean other days',
    });
  });

  it('is not any number of four digits', async () => {
    expect((await firstRule('id,price\na,1999\nb,2005\n')).ts).toBeUndefined();
  });

  it('reads whatever dates it finds a format for', async () => {
    const day = fc.date({ min: new Date('1950-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    const writers: ((d: Date) => string)[] = [
      (d) => d.toISOString(),
      (d) => d.toISOString().slice(0, 10),
      (d) => `${d.getUTCDate()}.${d.getUTCMonth() + 1}.${d.getUTCFullYear()}`,
      (d) => d.toISOString().slice(0, 10).replaceAll('-', '/'),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(day, { minLength: 3, maxLength: 20 }),
        fc.constantFrom(...writers),
        async (days, write) => {
          const text = csvOf([['date', 'place', 'size'], ...days.map((d, i) => [write(d), `p${i}`, i + 0.5])]);
          const { profile } = await inferText(text);
          const { counts, records } = await preview(profile, () => bytesOf(text));
          expect(counts.quarantined).toBe(0);
          expect(records.map(({ tsMs }) => new Date(tsMs!).toISOString().slice(0, 10)).sort()).toEqual(
            days.map((d) => d.toISOString().slice(0, 10)).sort(),
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('fields', () => {
  it('reads words for missing numbers as missing, codes as text, truths as truths', async () => {
    const { profile } = await inferText('id,zip,size,open\na,01234,1.5,yes\nb,99999,NA,no\nc,12345,3,yes\n');
    expect(profile.records[0]).toMatchObject({
      dimensions: { zip: 'zip', open: { path: 'open', cast: 'boolean' } },
      measures: { size: { path: 'size', null_values: ['NA'] } },
    });
  });

  it('leaves out lists, and reads names that a path cannot say plainly', async () => {
    const text = JSON.stringify([
      { 'a.b': 'x', "it's": { $: 1.5 }, tags: ['p', 'q'] },
      { 'a.b': 'y', "it's": { $: 2.5 }, tags: [] },
    ]);
    const { profile, notes } = await inferText(text);
    expect(notes.profile.map((note) => note.text).join()).toContain('left out: tags');
    const { records } = await preview(profile, () => bytesOf(text));
    expect(records.map(({ dimensions, measures }) => [dimensions['a_b'], Object.values(measures)])).toEqual([
      ['x', [1.5]],
      ['y', [2.5]],
    ]);
  });

  it('never drafts a profile that refuses its own rows', async () => {
    const scalar = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const row = fc.dictionary(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }), scalar, {
      maxKeys: 5,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (rows) => {
        const text = JSON.stringify({ rows });
        const inference = await inferText(text).catch((error: { code: string }) => error);
        if ('code' in inference) {
          expect(inference.code).toBe('validation_failed');
          return;
        }
        expect(validator('reports/report')(inference.report)).toBe(true);
        const { counts } = await preview(inference.profile, () => bytesOf(text));
        expect(counts.rows).toBe(rows.length);
        expect(counts.quarantined).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a compressed payload', () => {
  it('is read as what it holds, and nothing need be declared', async () => {
    const stocks = readFileSync(join(data, 'stocks.csv'));
    const plain = await inferText(stocks);
    for (const packed of [gzipSync(stocks), zstdCompressSync(stocks), archive({ 'stocks.csv': stocks.toString() })]) {
      expect(await inferText(packed)).toEqual(plain);
      const { counts } = await preview(plain.profile, () => bytesOf(packed));
      expect(counts).toMatchObject({ records: 560, quarantined: 0 });
    }
  });

  it('of several files: the largest, and those that differ in their digits alone', async () => {
    const month = (n: number): string =>
      csvOf([
        ['id', 'at', 'size'],
        [`a${n}`, `2024-0${n}-01`, n],
        [`b${n}`, `2024-0${n}-02`, 7],
      ]);
    const packed = archive({ 'readme.txt': 'x', 'y/2024-01.csv': month(1), 'y/2024-02.csv': month(2) });
    const { profile, notes, rows } = await inferText(packed);
    expect(profile).toMatchObject({ format: 'csv', zip: { member: 'y/*-*.csv' } });
    expect(rows).toBe(4);
    expect(notes.profile[0]).toEqual({
      pointer: '/zip/member',
      text: 'guess: 2 files that are alike; one other is left out',
    });
    const { counts } = await preview(profile, () => bytesOf(packed));
    expect(counts).toMatchObject({ records: 4, quarantined: 0 });

    const other = await inferText(archive({ 'stops.json': `[{"a":1,"b":"${'x'.repeat(99)}"}]`, 'routes.json': '[]' }));
    expect(other.profile).toMatchObject({ format: 'json', zip: { member: 'stops.json' } });
  });
});

describe('XML', () => {
  const feed = (items: string, encoding = 'utf-8'): string =>
    `<?xml version="1.0" encoding="${encoding}"?><rss version="2.0"><channel><title>News</title><link>x</link>${items}</channel></rss>`;
  const item = (n: number): string =>
    `<item><guid isPermaLink="false">g${n}</guid><pubDate>2024-05-0${n}T10:00:00Z</pubDate><title>Hüte &amp; ${n}</title><price>${n * 1.5}</price></item>`;
  const items = [1, 2, 3, 4].map(item).join('\n');

  it('gives the elements that repeat, with attributes and texts named after them', async () => {
    for (const bytes of [
      Buffer.from(feed(items)),
      gzipSync(feed(items)),
      Buffer.from(feed(items, 'iso-8859-1'), 'latin1'),
      Buffer.from(`\ufeff${feed(items, 'utf-16')}`, 'utf16le'),
    ]) {
      const { profile, rows } = await inferText(bytes);
      expect(rows).toBe(4);
      expect(profile).toMatchObject({
        format: 'xml',
        select: '/rss/channel/item',
        records: [
          {
            kind: 'metric',
            name: 'sample_price',
            key: ['guid.#text'],
            ts: { path: 'pubDate', format: 'iso' },
            value: 'price',
            dimensions: { guid: 'guid.#text', is_perma_link: 'guid.@isPermaLink', title: 'title' },
          },
        ],
      });
      const { counts, records } = await preview(profile, () => bytesOf(bytes));
      expect(counts).toMatchObject({ records: 4, quarantined: 0 });
      expect(records[0]!.dimensions.title).toBe('Hüte & 1');
    }
  });

  it('of attributes alone is read as well, and names that mean a part of a row are written out', async () => {
    const rates = ['USD', 'JPY', 'BGN']
      .map((c, n) => `<e:Cube item="${c}" rate="${n + 1.1}" at="2024-05-0${n + 1}"/>`)
      .join('');
    const { profile, notes } = await inferText(
      `<!DOCTYPE e:Envelope><e:Envelope xmlns:e="u"><s>x</s><e:Cube><e:Cube time="2024-05-01">${rates}</e:Cube></e:Cube></e:Envelope>`,
    );
    expect(profile).toMatchObject({ select: '/e:Envelope/e:Cube/e:Cube/e:Cube' });
    expect(profile.records[0]).toMatchObject({
      ts: { path: '@at' },
      value: '@rate',
      dimensions: { item: "$['@item']" },
    });
    expect(notes.profile.filter(({ pointer }) => pointer === '/select')).toEqual([]);
  });

  it('takes a page or two around the rows for no rows, and a document without repeated elements for one', async () => {
    const page = `<page n="1"><rows>${[1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3].map(item).join('')}</rows></page>`;
    const paged = await inferText(`<r>${page}${page}</r>`);
    expect(paged.profile.select).toBe('/r/page/rows/item');
    const one = await inferText('<order id="7"><at>2024-05-01</at><total>12.5</total></order>');
    expect(one).toMatchObject({ rows: 1, profile: { select: '/order' } });
    expect(one.notes.profile).toContainEqual({ pointer: '/select', text: 'guess: no element repeats' });
  });

  it('says when there is nothing to learn from', async () => {
    for (const text of ['<r/>', '<!doctype html><html><p>no<br></html>', '<'])
      await expect(inferText(text, { format: 'xml' })).rejects.toMatchObject({ code: 'validation_failed' });
  });
});
