// Parquet as another implementation of the format writes it, against what that one says is in it.
import { createSpool, defaultCaps, NumberText, parseExact, splitParquet } from '#formats';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readParquet } from './parquet-testing.ts';

const rows = 600;
/** Three million flights, by yet another writer. */
const flights = join(import.meta.dirname, '..', '..', 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet');
const select = `SELECT number AS id, toInt64(number) * 9007199254740993 - 5 AS big, toUInt64(18446744073709551615 - number) AS unsigned,
  toDecimal32(number, 2) / 8 AS d32, toDecimal64(number, 4) / 7 AS d64, toDecimal128(number, 10) / 7 AS d128, -toDecimal256(number, 20) / 7 AS d256,
  if(number % 3 = 0, NULL, concat('näme ', toString(number % 11))) AS s, number / 7 AS x, toFloat32(number / 8) AS f, number % 2 = 0 AS truth,
  toInt8(number % 100 - 50) AS i8, toUInt32(4294967295 - number) AS u32, toDate('2024-02-29') + number % 5 AS day,
  toDateTime64('2024-02-29 12:34:56.789', 3, 'UTC') AS ms, toDateTime64('2024-02-29 12:34:56.789123', 6, 'UTC') + number AS us,
  toDateTime64('2024-02-29 12:34:56.789123456', 9, 'UTC') AS ns,
  arrayMap(i -> if(i = 1, NULL, i * number), range(number % 4)) AS list, arrayMap(i -> range(i), range(number % 3)) AS lists,
  map('a', number, 'b', number + 1) AS m, tuple(number, 'x')::Tuple(a UInt64, b String) AS t,
  [tuple(1, ['p', 'q'])::Tuple(n UInt8, l Array(String))] AS deep FROM numbers(${rows})`;

const ways: Record<string, string> = {
  snappy: "output_format_parquet_compression_method = 'snappy'",
  lz4: "output_format_parquet_compression_method = 'lz4'",
  zstd: "output_format_parquet_compression_method = 'zstd'",
  gzip: "output_format_parquet_compression_method = 'gzip'",
  brotli: "output_format_parquet_compression_method = 'brotli'",
  'small pages': "output_format_parquet_compression_method = 'none', output_format_parquet_data_page_size = 1000",
};

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'chartly-parquet-'));
  const said = `output_format_json_quote_64bit_integers = 0, output_format_json_quote_decimals = 0, date_time_output_format = 'iso', output_format_json_named_tuples_as_objects = 1`;
  const statements = Object.entries(ways).map(
    ([name, setting]) =>
      `INSERT INTO FUNCTION file('${dir}/${name}.parquet', Parquet) ${select} SETTINGS output_format_parquet_row_group_size = 250, ${setting}`,
  );
  statements.push(`INSERT INTO FUNCTION file('${dir}/said.ndjson', JSONEachRow) ${select} SETTINGS ${said}`);
  statements.push(
    `INSERT INTO FUNCTION file('${dir}/flights.json', JSONEachRow) SELECT count() AS n, sum(delay) AS delay, uniqExact(origin) AS origins,
       toString(min(date)) AS first, toString(max(date)) AS last FROM file('${flights}', Parquet)`,
  );
  // The engine wants a process of its own.
  const script = `const { query } = require('chdb'); for (const text of ${JSON.stringify(statements)}) query(text);`;
  execFileSync(process.execPath, ['-e', script]);
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Digits, not doubles; a truth is a number to the engine. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, v: unknown) =>
      v instanceof NumberText ? `#${v.source}` : typeof v === 'boolean' ? Number(v) : v,
    ),
  );
}

describe('Parquet of another writer', () => {
  it.each(Object.keys(ways))('holds what it says: %s', (name) => {
    const said = readFileSync(join(dir, 'said.ndjson'), 'utf8').trim().split('\n').map(parseExact);
    const { rows: found, faults, places } = readParquet(readFileSync(join(dir, `${name}.parquet`)));
    expect(faults).toEqual([]);
    expect(found).toHaveLength(rows);
    expect(new Set(places.map(([, start]) => start)).size).toBeGreaterThan(1);
    expect(plain(found)).toEqual(plain(said));
  });

  it('holds what it says: real data of three million rows', () => {
    const said = JSON.parse(readFileSync(join(dir, 'flights.json'), 'utf8')) as Record<string, unknown>;
    const spool = createSpool();
    spool.write(readFileSync(flights));
    const found = { n: 0, delay: 0, origins: new Set(), first: '9', last: '' };
    const sink: Parameters<typeof splitParquet>[1] = {
      row(value) {
        const { delay, origin, date } = value as { delay: number; origin: string; date: string };
        found.n++;
        found.delay += delay;
        found.origins.add(origin);
        if (date < found.first) found.first = date;
        if (date > found.last) found.last = date;
      },
      fault: (_reason, _place, message) => expect.unreachable(message),
    };
    for (const _ of splitParquet(spool, sink, defaultCaps, undefined));
    spool.close();
    const day = (text: unknown): string => String(text).slice(0, 10);
    expect({ ...found, origins: found.origins.size, first: day(found.first), last: day(found.last) }).toEqual({
      n: Number(said.n),
      delay: Number(said.delay),
      origins: Number(said.origins),
      first: day(said.first),
      last: day(said.last),
    });
    expect(found.n).toBe(3_000_000);
  }, 120_000);
});
