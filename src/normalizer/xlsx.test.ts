import { Columns, createSpool, defaultCaps, splitXlsx } from '#formats';
import { writeXlsx } from 'hucre/xlsx';
import { describe, expect, it } from 'vitest';
import type { Profile, RecordRule } from '#contracts';
import { event, profileOf, run } from './testing.ts';
import { type BookSpec, rowXml, workbook } from './xlsx-testing.ts';

interface Found {
  names: string[];
  rows: unknown[];
  numbers: number[];
  faults: string[];
}

async function read(bytes: Buffer, options?: Profile['xlsx'], caps = defaultCaps): Promise<Found> {
  const spool = createSpool();
  spool.write(bytes);
  const columns = new Columns();
  const found: Found = { names: [], rows: [], numbers: [], faults: [] };
  const sink: Parameters<typeof splitXlsx>[2] = {
    row(value, { row, start, end }) {
      found.rows.push(value);
      found.numbers.push(row);
      expect(start >= 0 && start < end && end <= bytes.length).toBe(true);
    },
    fault: (reason, { row }, message) => void found.faults.push(`${reason} ${row} ${message}`),
  };
  for await (const _ of splitXlsx({ source: spool, options, limits: undefined, caps }, columns, sink));
  found.names = columns.names;
  return found;
}

const sheet = (rows: string, more: Partial<BookSpec> = {}): Buffer =>
  workbook({ sheets: [{ name: 'Data', rows }], ...more });
const header = rowXml(1, ['id', 'v']);

describe('cells of a workbook', () => {
  it('are texts, numbers, truths, or nothing', async () => {
    const rows = [
      header,
      rowXml(2, ['a', 1.5]),
      rowXml(3, ['b & <c>', true]),
      rowXml(4, ['d', null]),
      rowXml(5, ['  e ', { xml: ' t="str"><f>A1&amp;"x"</f><v>a &amp; x</v>' }]),
      rowXml(6, [{ xml: ' t="s"><v>0</v>' }, { xml: ' t="s"><v>1</v>' }]),
      rowXml(7, [
        'f',
        { xml: ' t="inlineStr"><is><r><t>two </t></r><r><t>runs</t></r><rPh sb="0"><t>no</t></rPh></is>' },
      ]),
      rowXml(8, ['g', { xml: ' t="d"><v>2024-02-29T12:00:00</v>' }]),
    ];
    const texts = [
      '<t>shared</t>',
      '<r><rPr><b/></rPr><t>ri</t></r><r><t xml:space="preserve">ch </t></r><phoneticPr/>',
    ];
    expect((await read(sheet(rows.join(''), { texts }))).rows).toEqual([
      ['a', 1.5],
      ['b & <c>', true],
      ['d'],
      ['  e ', 'a & x'],
      ['shared', 'rich '],
      ['f', 'two runs'],
      ['g', '2024-02-29T12:00:00'],
    ]);
  });

  it('are numbers as they are meant', async () => {
    const number = async (text: string) =>
      (await read(sheet(header + rowXml(2, ['a', { xml: `><v>${text}</v>` }])))).rows;
    expect(await number('1.1000000000000001')).toEqual([['a', 1.1]]);
    expect(await number('0.30000000000000004')).toEqual([['a', 0.30000000000000004]]);
    expect(await number('1E-3')).toEqual([['a', 0.001]]);
    expect(await number('-42')).toEqual([['a', -42]]);
    // Digits that a spreadsheet would not keep were written by others.
    expect(await number('9007199254740993')).toMatchObject([['a', { source: '9007199254740993' }]]);
    expect(await number('0.12345678901234567890')).toMatchObject([['a', { source: '0.12345678901234567890' }]]);
  });

  it('are dates and times by their format', async () => {
    const formats = [
      14,
      22,
      'yyyy\\-mm\\-dd hh:mm',
      '"day" 0.0',
      'h:mm:ss',
      '[h]:mm',
      '[$-409]d\\-mmm\\-yy;@',
      '#,##0 "days"',
      'mm:ss.0',
    ];
    const values = [45351, 45351.5, 45351.524305555555, 45351, 0.5, 1.75, 45351, 45351, 0.001];
    const cells = values.map((value, i) => ({ xml: ` s="${i + 1}"><v>${value}</v>` }));
    const names = values.map((_, i) => `c${i}`);
    const bytes = (from1904: boolean) => sheet(rowXml(1, names) + rowXml(2, cells), { formats, from1904 });
    expect((await read(bytes(false))).rows).toEqual([
      [
        '2024-02-29',
        '2024-02-29T12:00:00',
        '2024-02-29T12:35:00',
        45351,
        '12:00:00',
        'PT42H0M0S',
        '2024-02-29',
        45351,
        '00:01:26.400',
      ],
    ]);
    expect(((await read(bytes(true))).rows[0] as unknown[]).slice(0, 2)).toEqual(['2028-03-01', '2028-03-01T12:00:00']);
  });

  it('count the days of 1900 as the format does, with one that was none', async () => {
    const dates = [1, 59, 60, 61, 36526, 2958465].map((serial) => ({ xml: ` s="1"><v>${serial}</v>` }));
    const rows = header + dates.map((cell, i) => rowXml(i + 2, ['a', cell])).join('');
    expect((await read(sheet(rows, { formats: [14] }))).rows).toEqual(
      ['1900-01-01', '1900-02-28', '1900-02-29', '1900-03-01', '2000-01-01', '9999-12-31'].map((date) => ['a', date]),
    );
  });

  it('that hold an error are no values, and #N/A is a missing one', async () => {
    const rule: RecordRule = { kind: 'entity', name: 'x', key: ['id'], dimensions: { v: 'v' } };
    const error = (code: string) => ({ xml: ` t="e"><f>A1/0</f><v>${code}</v>` });
    const bytes = sheet(
      header + rowXml(2, ['a', error('#N/A')]) + rowXml(3, ['b', error('#DIV/0!')]) + rowXml(4, ['c', 'd']),
    );
    const { records, rejections } = await run(profileOf('xlsx', [rule]), bytes);
    expect(records.map(({ dimensions }) => dimensions)).toEqual([{}, { v: 'd' }]);
    expect(rejections).toMatchObject([{ reason: 'cast_failed', row: 2, message: 'The cell holds the error #DIV/0!.' }]);
  });
});

describe('a damaged cell', () => {
  it('costs the records that read it, and none else', async () => {
    const rule: RecordRule = { kind: 'entity', name: 'x', key: ['id'], measures: { v: 'v' } };
    const cells = ['><v>twelve</v>', `><v>${'9'.repeat(500)}</v>`, '><v>INF</v>', ' t="s"><v>7</v>', ' t="s"><v> </v>'];
    const rows = cells.map((xml, i) => rowXml(i + 2, [`r${i}`, { xml }])).join('');
    const { records, rejections } = await run(profileOf('xlsx', [rule]), sheet(header + rows + rowXml(9, ['last', 1])));
    expect(records.map(({ row }) => row)).toEqual([5, 8]);
    expect(rejections.map(({ row, reason }) => [row, reason])).toEqual([1, 2, 3, 4].map((row) => [row, 'cast_failed']));
  });
});

describe('rows of a sheet', () => {
  it('have the numbers of the sheet, and none are empty', async () => {
    const rows =
      header +
      rowXml(2, ['a', 1]) +
      rowXml(5, [null, null]) +
      rowXml(7, ['b', 2]) +
      '<row/><row><c/></row>' +
      rowXml(12, ['c']);
    const { names, rows: found, numbers } = await read(sheet(rows));
    expect(names).toEqual(['id', 'v']);
    expect(found).toEqual([['a', 1], ['b', 2], ['c']]);
    expect(numbers).toEqual([1, 6, 11]);
  });

  it('are found without places, in any quotes, and under any prefix', async () => {
    const plain = `<row><c t="inlineStr"><is><t>id</t></is></c><c t='str'><v>v</v></c></row><row spans="1:2"><c><v>1</v></c><c
      t="b"><v>1</v></c></row>`;
    expect(await read(sheet(plain))).toMatchObject({ names: ['id', 'v'], rows: [[1, true]], numbers: [1] });
    const prefixed = plain.replaceAll(/<(\/?)(\w)/g, '<$1x:$2');
    const whole = `<x:worksheet xmlns:x="m"><!-- <row> --><x:sheetData>${prefixed}</x:sheetData></x:worksheet>`;
    expect(await read(sheet('', { parts: { 'xl/worksheets/sheet1.xml': whole } }))).toMatchObject({
      rows: [[1, true]],
    });
  });

  it('are those of the first sheet that shows, or of the one that is named', async () => {
    const rows = (id: string) => header + rowXml(2, [id, 1]);
    const bytes = workbook({
      sheets: [
        { name: 'Secret', state: 'veryHidden', rows: rows('secret') },
        { name: 'Orders &amp; more', rows: rows('orders') },
        { name: 'Old', state: 'hidden', rows: rows('old') },
      ],
    });
    const first = async (sheetOption?: string | number) =>
      (await read(bytes, sheetOption === undefined ? {} : { sheet: sheetOption })).rows[0];
    expect(await first()).toEqual(['orders', 1]);
    expect(await first('Orders & more')).toEqual(['orders', 1]);
    expect(await first('orders & MORE')).toEqual(['orders', 1]);
    expect(await first('Old')).toEqual(['old', 1]);
    expect(await first(1)).toEqual(['secret', 1]);
    expect((await read(bytes, { sheet: 'None' })).faults).toEqual([
      'no_rows 0 The workbook gives no rows. It has no sheet of the name that xlsx.sheet of the profile says; it has 3.',
    ]);
  });

  it('begin behind the header, wherever it stands', async () => {
    const rows =
      rowXml(1, ['A report']) +
      rowXml(3, [null, 'id', 'v', null, 'v', 9]) +
      rowXml(4, ['x', 'a', 1, 'note', 2, 3]) +
      rowXml(5, [null, 'Sum', 1]);
    expect(await read(sheet(rows), { header_row: 3 })).toMatchObject({
      names: ['A', 'id', 'v', 'D', 'v_2', '9'],
      rows: [
        ['x', 'a', 1, 'note', 2, 3],
        [undefined, 'Sum', 1],
      ],
      numbers: [3, 4],
    });
    expect(await read(sheet(rows), { range: 'B3:C4' })).toMatchObject({
      names: ['id', 'v'],
      rows: [['a', 1]],
      numbers: [3],
    });
    expect(await read(sheet(rows), { range: 'B4:C', columns: ['id', 'v'] })).toMatchObject({
      names: ['id', 'v'],
      rows: [
        ['a', 1],
        ['Sum', 1],
      ],
    });
    expect((await read(sheet(rows), { range: 'B3:C', header_row: 3, columns: ['x', 'y'] })).names).toEqual(['x', 'y']);
    expect((await read(sheet(rows), { header_row: 2 })).faults[0]).toMatch(/^no_rows .*Row 2.*is empty/);
    expect((await read(sheet(''))).faults[0]).toMatch(/^no_rows /);
  });

  it('map like those of CSV', async () => {
    const csv = 'id,t,price,note\na,2024-02-29,1.5,x\nb,2024-03-01,2.25,\nc,,3,z\n';
    const date = (serial: number) => ({ xml: ` s="1"><v>${serial}</v>` });
    const bytes = sheet(
      rowXml(1, ['id', 't', 'price', 'note']) +
        rowXml(2, ['a', date(45351), 1.5, 'x']) +
        rowXml(3, ['b', date(45352), 2.25]) +
        rowXml(4, ['c', null, 3, 'z']),
      { formats: ['yyyy-mm-dd'] },
    );
    const rule = event({
      ts: { path: 't', format: 'iso', default: '2024-01-01' },
      when: 'double(row.price) < 10.0 && row.note != "q"',
      dimensions: { note: 'note', price: 'price', twice: { cel: 'double(row.price) * 2.0' } },
      measures: { price: { path: 'price', cast: 'decimal' } },
    });
    const wide: RecordRule = {
      kind: 'entity',
      name: 'cell',
      unpivot: { exclude: ['id'] },
      key: ['id', '@column'],
      dimensions: { v: '@cell', text: { cel: 'cell' } },
    };
    const records = async (profile: Profile, payload: string | Buffer) =>
      (await run(profile, payload)).records.map(({ recordId, tsMs, dimensions, measures }) => ({
        recordId,
        tsMs,
        dimensions,
        measures,
      }));
    const fromCsv = await records(profileOf('csv', [rule, wide]), csv);
    expect(fromCsv.length).toBe(10);
    expect(await records(profileOf('xlsx', [rule, wide]), bytes)).toEqual(fromCsv);
  });

  it('share the range of their sheet', async () => {
    const bytes = sheet(header + rowXml(2, ['a', 1]) + rowXml(3, ['b', 2]));
    const { records } = await run(profileOf('xlsx', [{ kind: 'entity', name: 'x', key: ['id'] }]), bytes, {
      chunks: [11],
    });
    expect(records.map(({ row }) => row)).toEqual([1, 2]);
    const part = bytes.subarray(records[0]!.byteStart, records[0]!.byteEnd).toString('latin1');
    expect(part.startsWith('PK\x03\x04')).toBe(true);
    expect(part).toContain('xl/worksheets/sheet1.xml');
    expect(part).not.toContain('PK\x01\x02');
  });
});

describe('a workbook', () => {
  it('of another writer reads the same', async () => {
    const data = Array.from({ length: 500 }, (_, i) => [
      `order ${i}`,
      new Date(Date.UTC(2024, 1, 29, 12, i % 60)),
      i / 4,
      i % 2 === 0,
    ]);
    const rows = [['id', 'at', 'total', 'paid'], ...data];
    const bytes = Buffer.from(await writeXlsx({ sheets: [{ name: 'Orders', rows }] }));
    const rule = event({ ts: 'at', dimensions: { paid: 'paid' }, measures: { total: 'total' } });
    const { records, rejections } = await run(profileOf('xlsx', [rule]), bytes);
    expect(rejections).toEqual([]);
    expect(records.map(({ tsMs, dimensions, measures }) => [tsMs, dimensions.paid, measures.total])).toEqual(
      data.map(([, at, total, paid]) => [(at as Date).getTime(), String(paid), total]),
    );
  });

  it('that is none, is cut, encrypted or old, is one quarantine row that says so', async () => {
    const whole = sheet(header + rowXml(2, ['a', 1]));
    const profile = profileOf('xlsx', [{ kind: 'entity', name: 'x', key: ['id'] }]);
    const only = async (bytes: string | Buffer) => {
      const { rejections, records } = await run(profile, bytes);
      expect([records.length, rejections.length]).toEqual([0, 1]);
      return `${rejections[0]!.reason} ${rejections[0]!.message}`;
    };
    expect(await only('id,v\na,1\n')).toMatch(/^truncated .*ends before its directory/);
    expect(await only(whole.subarray(0, whole.length - 30))).toMatch(/^truncated/);
    expect(await only(Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]))).toContain(
      'without a password',
    );
    expect(await only('')).toMatch(/^empty_payload/);
    const parts = {
      '_rels/.rels':
        '<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.bin"/></Relationships>',
      'xl/workbook.bin': 'x',
    };
    expect(await only(sheet(header, { parts }))).toContain('.xlsb');
    expect(
      await only(
        sheet(header, {
          parts: { '_rels/.rels': '<Relationships/>', 'xl/workbook.xml': '<!DOCTYPE x [<!ENTITY a "b">]><workbook/>' },
        }),
      ),
    ).toContain('document type');
  });

  it('whose directory points beyond it is one quarantine row', async () => {
    const bytes = sheet(header + rowXml(2, ['a', 1]));
    const place = bytes.lastIndexOf('xl/worksheets/sheet1.xml') - 4;
    bytes.writeUInt32LE(bytes.length + 5, place);
    const { rejections } = await run(profileOf('xlsx', [{ kind: 'entity', name: 'x', key: ['id'] }]), bytes);
    expect(rejections).toMatchObject([{ reason: 'archive_unreadable', start: 0, end: bytes.length }]);
  });

  it('with a damaged sheet keeps the rows before the damage', async () => {
    const many = header + Array.from({ length: 20 }, (_, i) => rowXml(i + 2, [`r${i}`, i])).join('');
    const cut = await read(sheet(`${many}<row r="30"><c r="A30"><v>1</v>`));
    expect(cut.rows).toHaveLength(20);
    expect(cut.faults).toEqual(
      ['parse_error 21 The sheet cannot be read from here on. A part of it closes what it did not open.'].map(
        () => cut.faults[0],
      ),
    );
    const bad = await read(sheet(`${many}<row r="20"><c><v>1</v></c></row>${rowXml(31, ['x'])}`));
    expect(bad.rows).toHaveLength(20);
    expect(bad.faults).toEqual([
      'parse_error 21 The sheet cannot be read from here on. Its rows are not in their order.',
    ]);
    const harmed = await read(sheet(many, { harmed: 'xl/worksheets/sheet1.xml' }));
    expect(harmed.rows.length + harmed.faults.length).toBeGreaterThan(0);
    expect(harmed.faults).toHaveLength(1);
  });

  it('loses the row that is too large, alone', async () => {
    const rows = header + rowXml(2, ['a', 1]) + rowXml(3, ['x'.repeat(90), 'y'.repeat(90)]) + rowXml(4, ['b', 2]);
    const { rows: found, faults } = await read(sheet(rows), {}, { ...defaultCaps, rowBytes: 100 });
    expect(found).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(faults).toEqual([expect.stringMatching(/^row_too_large 2 /)]);
  });

  it('cannot take memory or time without end', async () => {
    const long = 'x'.repeat(3 << 20);
    expect((await read(sheet(header + rowXml(2, [long, 1])))).faults[0]).toMatch(/^row_too_large 1 /);
    expect((await read(sheet(`${header}<row r="2" a="${long}"/>`))).faults[0]).toContain('tag that is too long');
    expect((await read(sheet(`${header}<row r="2"><c r="XFE2"><v>1</v></c></row>`))).faults[0]).toContain(
      'last column',
    );
    expect((await read(sheet(`${header}<row r="99999999"><c><v>1</v></c></row>`))).faults[0]).toContain('order');
    const bomb = `${header}<!--${' '.repeat(40 << 20)}-->`;
    expect((await read(sheet(bomb))).faults[0]).toMatch(/decoded_too_large|too long/);
  });
});

describe('a profile of a workbook', () => {
  it('says what is wrong with its options', async () => {
    const problems = async (xlsx: Profile['xlsx'], more: Partial<Profile> = {}) => {
      const profile = profileOf('xlsx', [{ kind: 'entity', name: 'x', key: ['id'] }], { xlsx, ...more });
      const error = (await run(profile, 'x').catch((e: unknown) => e)) as { details?: { pointer: string }[] };
      return error.details?.map(({ pointer }) => pointer);
    };
    expect(await problems({ range: 'B3-F9' })).toEqual(['/xlsx/range']);
    expect(await problems({ range: 'F3:B9' })).toEqual(['/xlsx/range']);
    expect(await problems({ range: 'B3:F9', header_row: 2 })).toEqual(['/xlsx/header_row']);
    expect(await problems({ columns: ['a', 'a'] })).toEqual(['/xlsx/columns']);
    expect(await problems({}, { format: 'csv' })).toEqual(['/xlsx']);
    expect(await problems({}, { zip: { member: 'a' } })).toEqual(['/zip']);
  });
});
