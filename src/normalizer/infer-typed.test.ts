import { writeXlsx } from 'hucre/xlsx';
import { describe, expect, it } from 'vitest';
import { inferProfile, type Inference, preview, type Preview } from './index.ts';
import { parquetOf } from './parquet-testing.ts';

const days = Array.from({ length: 200 }, (_, i) => i);
const at = (day: number) => new Date(Date.UTC(2024, 0, 1 + day, 6, 30));
const names = ['id', 'at', 'city', 'amount', 'paid'];
const rowsOf = days.map((day) => [`order-${day}`, at(day), ['Oslo', 'Lima', 'Kyiv'][day % 3]!, day / 4, day % 2 === 0]);

async function drafted(bytes: Buffer): Promise<Inference & Preview> {
  const open = async function* () {
    yield bytes;
  };
  const inference = await inferProfile({ open, name: 'orders' });
  return { ...inference, ...(await preview(inference.profile, open)) };
}

describe('a profile drafted from typed rows', () => {
  it('reads a Parquet file at once', async () => {
    const columns = rowsOf[0]!.map((_, i) => rowsOf.map((row) => row[i]!));
    const big = { name: 'account', data: days.map((day) => 2n ** 62n + BigInt(day % 7)) };
    const bytes = parquetOf([...names.map((name, i) => ({ name, data: columns[i]! })), big], { rowGroupSize: 70 });
    const { profile, counts, records } = await drafted(bytes);
    expect(profile).toMatchObject({
      format: 'parquet',
      records: [{ kind: 'metric', key: ['id'], ts: { path: 'at', format: 'iso' }, value: 'amount' }],
    });
    expect(counts).toMatchObject({ candidates: 200, records: 200 });
    expect(records[8]).toMatchObject({ tsMs: at(8).getTime(), value: 2 });
    // Numbers with more digits than are computed with are kept whole.
    expect(records[8]!.dimensions).toMatchObject({ account: '4611686018427387905', city: 'Kyiv', paid: 'true' });
  });

  it('reads a workbook at once, from the row where its table begins', async () => {
    const sheet = async (rows: unknown[][]) =>
      Buffer.from(await writeXlsx({ sheets: [{ name: 'Orders', rows: rows as string[][] }] }));
    const plain = await drafted(await sheet([names, ...rowsOf]));
    expect(plain.profile.xlsx).toBeUndefined();
    expect(plain.profile).toMatchObject({
      format: 'xlsx',
      records: [{ kind: 'metric', key: ['id'], ts: { path: 'at', format: 'iso' }, value: 'amount' }],
    });
    expect(plain.counts).toMatchObject({ candidates: 200, records: 200 });
    expect(plain.records[8]).toMatchObject({
      tsMs: at(8).getTime(),
      value: 2,
      dimensions: { city: 'Kyiv', paid: 'true' },
    });

    const titled = await drafted(await sheet([['Orders of the year'], [], names, ...rowsOf]));
    expect(titled.profile.xlsx).toEqual({ header_row: 3 });
    expect(titled.notes.profile[0]).toMatchObject({ pointer: '/xlsx/header_row' });
    expect(titled.counts).toMatchObject({ candidates: 200, records: 200 });

    const bare = await drafted(await sheet(rowsOf));
    expect(bare.profile.xlsx).toEqual({ columns: ['A', 'B', 'C', 'D', 'E'] });
    expect(bare.counts).toMatchObject({ candidates: 200, records: 200 });
  });
});
