import { defaultCaps } from '#formats';
import { describe, expect, it } from 'vitest';
import { event, profileOf, run } from './testing.ts';

const row = (id: number | string, t = 1000) => `{"id":"${id}","t":${t}}`;
const json = (select?: string) => profileOf('json', [event()], select === undefined ? {} : { select });
const ndjson = profileOf('ndjson', [event()]);
const csv = profileOf('csv', [event()]);
const small = { ...defaultCaps, rowBytes: 64, depth: 4 };

/** Reason codes with the bytes that they speak of. */
async function faults(profile: typeof csv, payload: string | Uint8Array, caps = defaultCaps) {
  const ran = await run(profile, payload, { caps });
  const bytes = Buffer.from(payload);
  const text = ran.rejections.map((r) => `${r.reason} ${bytes.toString('latin1', r.start, r.end)}`);
  return {
    faults: text,
    ids: ran.records.map((r) => bytes.toString('utf8', r.byteStart, r.byteEnd)),
    counts: ran.counts,
  };
}

describe('JSON', () => {
  it('takes the items of a top-level list, each with its own bytes', async () => {
    const payload = `[ ${row(1)} ,\n${row(2)}]`;
    expect((await faults(json(), payload)).ids).toEqual([row(1), row(2)]);
  });

  it('takes a top-level object as one row', async () => {
    expect((await faults(json(), ` ${row(1)}\n`)).ids).toEqual([row(1)]);
    expect((await faults(json('$'), row(1))).ids).toEqual([row(1)]);
  });

  it.each([
    ['$.a.b[*]', `{"x":[{"a":1}],"a":{"c":"]}","b":[${row(1)},${row(2)}]},"z":"\\"["}`],
    ['$[0][*]', `[[${row(1)},${row(2)}],[${row(3)}]]`],
    ["$['a b'].*", `{"a b":{"p":${row(1)},"q":${row(2)}}}`],
    ['$[*].r', `[{"r":${row(1)}},{"r":${row(2)}}]`],
    ['$.a[*].b[*]', `{"a":[{"b":[${row(1)}]},{"b":[${row(2)}]},{"b":[]},{"c":3}]}`],
    ["$['\u00e4'][*]", `{"\\u00e4":[${row(1)}],"y":[5],"ä":[${row(2)}]}`],
  ])('streams the selection %s', async (select, payload) => {
    expect((await faults(json(select), payload)).ids).toEqual([row(1), row(2)]);
  });

  it.each([
    ['$..r', `{"a":[{"r":${row(1)}}],"b":{"r":${row(2)}}}`],
    ['$[?@.t > 1000]', `[${row(0)},${row(1, 2000)},${row(2, 2000)}]`],
    ['$[-1,0]', `[${row(1)},${row(3)},${row(2)}]`],
  ])('finds the byte ranges of the query %s in the whole document', async (select, payload) => {
    const { ids, counts } = await faults(json(select), payload);
    expect(ids.toSorted()).toEqual([
      select.startsWith('$[?') ? row(1, 2000) : row(1),
      select.startsWith('$[?') ? row(2, 2000) : row(2),
    ]);
    expect(counts.records).toBe(2);
  });

  it('keeps a nested selection apart from the value that holds it', async () => {
    const payload = `{"n":{"id":"1","t":5,"n":{"id":"2","t":6}}}`;
    const { ids } = await faults(json('$..n'), payload);
    expect(ids.toSorted()).toEqual(['{"id":"1","t":5,"n":{"id":"2","t":6}}', '{"id":"2","t":6}']);
  });

  it('caps the document of a query that cannot be streamed', async () => {
    const caps = { ...defaultCaps, documentBytes: 20 };
    const payload = `{"a":[${row(1)}]}`;
    expect((await faults(json('$..a[*]'), payload, caps)).faults).toEqual([`row_too_large ${payload}`]);
    expect((await faults(json('$.a[*]'), payload, caps)).ids).toEqual([row(1)]);
  });

  it('loses one row to a malformed row with sound brackets', async () => {
    const found = await faults(json(), `[${row(1)},{"id":x},${row(2)}]`);
    expect(found.ids).toEqual([row(1), row(2)]);
    expect(found.faults).toEqual(['parse_error {"id":x}']);
    expect(found.counts).toMatchObject({ rows: 3, candidates: 3, records: 2, quarantined: 1 });
  });

  it('goes on behind an empty place in a list', async () => {
    const found = await faults(json(), `[${row(1)},,${row(2)},]`);
    expect(found.ids).toEqual([row(1), row(2)]);
    expect(found.faults).toEqual(['parse_error ,', 'parse_error ]']);
  });

  it('keeps the rows before other damage, and quarantines the rest as one', async () => {
    const found = await faults(json(), `[${row(1)},${row(2)} ${row(3)},${row(4)}]`);
    expect(found.ids).toEqual([row(1), row(2)]);
    expect(found.faults).toEqual([`parse_error ${row(3)},${row(4)}]`]);
    const behind = await faults(json(), `[${row(1)}] tail`);
    expect(behind.ids).toEqual([row(1)]);
    expect(behind.faults).toEqual(['parse_error tail']);
  });

  it('keeps the rows before the place where a payload breaks off', async () => {
    const found = await faults(json('$.a[*]'), `{"a":[${row(1)},{"id":"2"`);
    expect(found.ids).toEqual([row(1)]);
    expect(found.faults).toEqual(['truncated {"id":"2"']);
    expect((await faults(json(), `[${row(1)},`)).faults).toEqual(['truncated ,']);
    expect((await faults(json('$..a'), `{"a":[${row(1)}`)).faults).toEqual([`truncated {"a":[${row(1)}`]);
  });

  it('tells an empty list from a missing one', async () => {
    expect((await faults(json('$.a[*]'), '{"a":[]}')).counts.candidates).toBe(0);
    expect((await faults(json(), '[]')).counts.candidates).toBe(0);
    for (const payload of ['{"b":[1]}', '{"a":null}', '{"a":5}', '{}', '5', '[]']) {
      expect((await faults(json('$.a[*]'), payload)).faults).toEqual([`no_rows ${payload}`]);
    }
    expect((await faults(json('$.a[*].b[*]'), '{"a":[{"c":1}]}')).faults).toHaveLength(1);
    expect((await faults(json('$..nowhere'), '{"a":1}')).faults).toEqual(['no_rows {"a":1}']);
  });

  it('caps rows in size and depth', async () => {
    const long = `{"id":"${'x'.repeat(80)}"}`;
    const deep = '[[[[[1]]]]]';
    for (const select of ['$[*]', '$[0,1,2,3]']) {
      const caps = select === '$[*]' ? small : { ...small, depth: 8 };
      const found = await faults(json(select), `[${row(1)},${long},${deep},${row(2)}]`, caps);
      expect(found.ids).toEqual([row(1), row(2)]);
      expect(found.faults[0]).toBe(`row_too_large ${long}`);
    }
    expect((await faults(json(), `[${deep}]`, small)).faults).toEqual([`too_deep ${deep}`]);
    expect((await faults(json('$[0,1]'), `[${deep}]`, small)).faults).toEqual([`too_deep [${deep}]`]);
  });

  it('quarantines a row that is not UTF-8 alone', async () => {
    const bad = Buffer.concat([
      Buffer.from(`[${row(1)},{"id":"`),
      Buffer.from([0xc3, 0x28]),
      Buffer.from(`"},${row('ä')}]`),
    ]);
    const found = await faults(json(), bad);
    expect(found.ids).toEqual([row(1), row('ä')]);
    expect(found.faults[0]).toMatch(/^invalid_utf8 /);
    expect((await faults(json('$[0,1]'), bad)).faults[0]).toMatch(/^invalid_utf8 \[/);
  });

  it('skips a byte order mark and counts it in the offsets', async () => {
    const payload = `\ufeff[${row(1)}]`;
    expect((await run(json(), payload, { chunks: [1] })).records[0]).toMatchObject({
      byteStart: 4,
      byteEnd: 4 + row(1).length,
    });
    expect((await faults(json(), payload)).ids).toEqual([row(1)]);
  });

  it('takes a name for a name where a text before it was cut behind a backslash', async () => {
    const payload = '{"note":"a\\nb","":1,"a":[{"id":1,"t":5}]}';
    const whole = await run(json('$.a[*]'), payload);
    expect(whole.counts.records).toBe(1);
    const cut = payload.indexOf('\\') + 1;
    expect(await run(json('$.a[*]'), payload, { chunks: [cut, 1000] })).toEqual(whole);
  });

  it('says which payload is empty', async () => {
    for (const profile of [json(), ndjson, csv]) expect((await faults(profile, '')).faults).toEqual(['empty_payload ']);
    expect((await faults(json(), ' \n')).faults).toEqual(['no_rows  \n']);
    expect((await faults(ndjson, '\n\r\n')).faults).toEqual(['no_rows \n\r\n']);
    expect((await faults(csv, '\n\r\n')).faults).toEqual(['no_rows \n\r\n']);
    expect((await faults(json(), '')).counts).toMatchObject({ rows: 0, candidates: 1, quarantined: 1 });
  });
});

describe('NDJSON', () => {
  it('takes a row a line, with or without a last line end', async () => {
    expect((await faults(ndjson, `${row(1)}\r\n\n  ${row(2)} \n${row(3)}`)).ids).toEqual([row(1), row(2), row(3)]);
  });

  it('loses a bad line alone, and calls an unfinished last one truncated', async () => {
    const found = await faults(ndjson, `${row(1)}\nnonsense\n${row(2)}\n{"id":`);
    expect(found.ids).toEqual([row(1), row(2)]);
    expect(found.faults).toEqual(['parse_error nonsense', 'truncated {"id":']);
    expect((await faults(ndjson, `${row(1)}\n{"id":\n`)).faults).toEqual(['parse_error {"id":']);
  });

  it('caps lines in size and depth', async () => {
    const long = `{"id":"${'x'.repeat(80)}"}`;
    const found = await faults(ndjson, `${row(1)}\n${long}\n[[[[["["]]]]]\n${row(2)}`, small);
    expect(found.ids).toEqual([row(1), row(2)]);
    expect(found.faults).toEqual([`row_too_large ${long}`, 'too_deep [[[[["["]]]]]']);
    expect((await faults(ndjson, `{"id":"[[[[[[[","t":1}`, small)).counts.records).toBe(1);
  });
});

describe('CSV', () => {
  it('reads quotes, line feeds and delimiters in quotes, and CRLF', async () => {
    const payload = 'id,t,note\r\n1,5,"a, ""b""\nc"\r\n"2",6,\n';
    const profile = profileOf('csv', [event({ dimensions: { note: 'note', id: 'id' } })]);
    const { records } = await run(profile, payload);
    expect(records.map((r) => r.dimensions)).toEqual([{ id: '1', note: 'a, "b"\nc' }, { id: '2' }]);
    expect(records.map((r) => payload.slice(r.byteStart, r.byteEnd))).toEqual(['1,5,"a, ""b""\nc"', '"2",6,']);
  });

  it('reads another dialect, and names columns without a header', async () => {
    const more = { csv: { delimiter: '\t', quote: "'", header: false, columns: ['id', 't'] } };
    const { records } = await run(profileOf('csv', [event({ dimensions: { id: 'id' } })], more), "'a\tb'\t5\nc\t6");
    expect(records.map((r) => r.dimensions.id)).toEqual(['a\tb', 'c']);
  });

  it('lets columns replace a header', async () => {
    const more = { csv: { header: true, columns: ['id', 't'] } };
    expect((await run(profileOf('csv', [event()], more), 'x,y\n1,5')).counts.records).toBe(1);
  });

  it('tells columns of one name apart', async () => {
    const profile = profileOf('csv', [event({ dimensions: { a: 'note', b: 'note_2' } })]);
    expect((await run(profile, 'id,t, note ,note\n1,5,x,y')).records[0]!.dimensions).toEqual({ a: 'x', b: 'y' });
  });

  it('quarantines ragged and misquoted rows alone', async () => {
    const found = await faults(csv, 'id,t\n1,5\n2\n3,5,6\n"4"x,5\n"5"\r6,5\na"b,5\n');
    expect(found.ids).toEqual(['1,5', 'a"b,5']);
    expect(found.faults).toEqual(['ragged_row 2', 'ragged_row 3,5,6', 'parse_error "4"x,5', 'parse_error "5"\r6,5']);
  });

  it('calls an open quote at the end truncated', async () => {
    const found = await faults(csv, 'id,t\n1,5\n"2,5\n3,5');
    expect(found.ids).toEqual(['1,5']);
    expect(found.faults).toEqual(['truncated "2,5\n3,5']);
  });

  it('caps rows, and quarantines one that is not UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`id,t\n1,5\n${'x'.repeat(80)},5\n`),
      Buffer.from([0xff]),
      Buffer.from(',5\n2,5\n'),
    ]);
    const found = await faults(csv, bytes, small);
    expect(found.ids).toEqual(['1,5', '2,5']);
    expect(found.faults).toEqual([`row_too_large ${'x'.repeat(80)},5`, 'invalid_utf8 \u00ff,5']);
  });

  it('quarantines a payload whose header cannot be read as one', async () => {
    const payload = Buffer.concat([Buffer.from([0xff]), Buffer.from(',t\n1,5\n2,5')]);
    expect((await faults(csv, payload)).faults).toEqual([`invalid_utf8 ${payload.toString('latin1')}`]);
    expect((await faults(csv, '"id"x,t\n1,5')).faults).toEqual(['parse_error "id"x,t\n1,5']);
  });

  it('takes a header without rows for no rows to read', async () => {
    expect((await faults(csv, 'id,t\n')).counts.candidates).toBe(0);
  });
});
