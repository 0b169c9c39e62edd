import { defaultCaps, xmlParser } from '#formats';
import { describe, expect, it } from 'vitest';
import type { Profile, RecordRule } from '#contracts';
import { profileOf, run } from './testing.ts';

const thing = (more: Partial<RecordRule> = {}): RecordRule => ({
  kind: 'entity',
  name: 'thing',
  key: ['@id'],
  ...more,
});
const xml = (select?: string, more: Partial<Profile> = {}): Profile =>
  profileOf('xml', [thing()], select === undefined ? more : { select, ...more });
const small = { ...defaultCaps, rowBytes: 200, depth: 4 };

/** Rows, and faults with the bytes that they speak of. */
async function read(profile: Profile, payload: string | Uint8Array, caps = defaultCaps) {
  const bytes = Buffer.from(payload as string);
  const { records, rejections, counts } = await run(profile, bytes, { caps });
  return {
    rows: records.map((r) => bytes.toString('utf8', r.byteStart, r.byteEnd)),
    faults: rejections.map((r) => `${r.reason} ${bytes.toString('utf8', r.start, r.end)}`),
    messages: rejections.map((r) => r.message),
    counts,
  };
}

const [one, two] = ['<i id="1"/>', '<i id="2"><a>x</a></i >'];

describe('a selection', () => {
  it.each([
    [undefined, `<r>${one}\n${two}</r>`],
    ['/r/i', `<?xml version="1.0"?><!-- c --><r>${one}<x><i id="9"/></x>${two}<j id="3"/></r>\n<!-- end -->`],
    ['/r/x/i', `<r><x>${one}</x><i id="9"/><y><i id="8"/></y><x>${two}</x></r>`],
    ['//i', `<r><x>${one}</x><y><z>${two}</z></y></r>`],
    ['//x/i', `<r><x>${one}</x><i id="9"/><y><x>${two}</x></y></r>`],
    ['/*/*/i', `<r><x>${one}</x><y>${two}</y><i id="9"/></r>`],
    ['//x/*', `<r><x>${one}${two}</x></r>`],
  ])('by %s finds its elements, each with its own bytes', async (select, payload) => {
    expect(await read(xml(select), payload)).toMatchObject({ rows: [one, two], faults: [] });
  });

  it('without a prefix means an element of any; with one, as it is written', async () => {
    const payload = '<a:r xmlns:a="u" xmlns:b="v"><a:i id="1"/><b:i id="2"/><i id="3"/></a:r>';
    expect((await read(xml('/r/i'), payload)).rows).toHaveLength(3);
    expect((await read(xml('/a:r/b:i'), payload)).rows).toEqual(['<b:i id="2"/>']);
  });

  it('keeps a row whole when it holds another', async () => {
    const nested = '<i id="1"><i id="2"/></i>';
    expect((await read(xml('//i'), `<r>${nested}</r>`)).rows).toEqual([nested]);
  });

  it('may name the document itself', async () => {
    expect((await read(xml('/i'), ` ${two} `)).rows).toEqual([two]);
  });

  it('that finds nothing says so, unless the place for rows is there and empty', async () => {
    expect((await read(xml('/r/x/i'), '<r><y/></r>')).faults).toEqual(['no_rows <r><y/></r>']);
    expect((await read(xml('/r/x/i'), '<r><x/></r>')).faults).toEqual([]);
    expect((await read(xml(), ' \n')).faults).toEqual(['no_rows  \n']);
  });

  it.each(['item', '/', '/a//b', '/a[1]', '/a/@b', '/a/text()', '//', '$.a', '/a/b/', ''])(
    '%j is refused',
    async (select) => {
      await expect(read(xml(select), one)).rejects.toMatchObject({
        code: 'profile_invalid',
        details: [{ pointer: '/select' }],
      });
    },
  );

  it('is not fooled by what looks like markup', async () => {
    const row = `<i id="1" a='>"/i>'><!-- </i> <i> --><![CDATA[</i>]]]><?p </i>?><a b="/>"/></i>`;
    const payload = `<!DOCTYPE r [<!ELEMENT r (i)> <!-- it's "> ]> --> <?p ]> ' ?> <!ATTLIST i a CDATA "]>">]><r><!--<i id="0"/>-->${row}<!----><?x?></r>`;
    expect(await read(xml('/r/i'), payload)).toMatchObject({ rows: [row], faults: [] });
  });
});

describe('an element', () => {
  const value = (text: string, more: Pick<Profile, 'xml'> = {}, records: RecordRule[] = []): unknown =>
    xmlParser({ records, ...more })(text);

  it.each([
    ['<a>text</a>', 'text'],
    ['<a/>', ''],
    ['<a> x <!-- c -->y<![CDATA[ <z> ]]></a>', ' x y <z> '],
    ['<a b="1" c=\'&lt;&#x41;&#10;\'/>', { '@b': '1', '@c': '<A\n' }],
    ['<a b="1">007</a>', { '@b': '1', '#text': '007' }],
    ['<a>\n <b>1</b>\n <c/> </a>', { b: '1', c: '' }],
    ['<a><b>1</b><c>2</c><b>3</b></a>', { b: ['1', '3'], c: '2' }],
    ['<a>mixed <b>1</b> text</a>', { b: '1', '#text': 'mixed  text' }],
    ['<a xmlns="u" xmlns:b="v"><b:c b:d="1">x</b:c></a>', { 'b:c': { '@b:d': '1', '#text': 'x' } }],
    ['<a><b xsi:nil="true"/><c xsi:nil="false">1</c></a>', { b: null, c: '1' }],
    ['<a><constructor>1</constructor><toString/></a>', { constructor: '1', toString: '' }],
    ['<a>&amp;&lt;&gt;&quot;&apos;\r\nz</a>', '&<>"\'\nz'],
    ['<ä ö="ü">😀</ä>', { '@ö': 'ü', '#text': '😀' }],
  ])('%s is a value', (text, expected) => {
    expect(value(text)).toEqual(expected);
  });

  it('of any name is a member, and changes nothing else', () => {
    const made = value('<a><__proto__><b>1</b></__proto__></a>') as object;
    expect(Object.keys(made)).toEqual(['__proto__']);
    expect('b' in made).toBe(false);
  });

  it('loses its prefixes when the profile says so', () => {
    const text = '<p:a xmlns:p="u" p:b="1"><q:c/><p:c/></p:a>';
    expect(value(text, { xml: { prefixes: 'drop' } })).toEqual({ '@b': '1', c: ['', ''] });
  });

  it('is a list though it comes alone when the profile names or explodes it', () => {
    const text = '<a><b><c>1</c></b><d><c>2</c></d></a>';
    expect(value(text, { xml: { lists: ['c'] } })).toEqual({ b: { c: ['1'] }, d: { c: ['2'] } });
    expect(value(text, { xml: { lists: ['b/c', '/d'] } })).toEqual({ b: { c: ['1'] }, d: [{ c: '2' }] });
    expect(value(text, {}, [thing({ explode: 'b.c' }), thing({ explode: { path: 'd' } })])).toEqual({
      b: { c: ['1'] },
      d: [{ c: '2' }],
    });
  });
});

describe('records', () => {
  it('are read by the paths, casts and expressions of any format, with numbers exact', async () => {
    const record: RecordRule = {
      kind: 'event',
      name: 'sale',
      key: ['@id'],
      ts: 'when.@at',
      dimensions: { who: "['dc:who'].#text", first: 'tag[0]', long: { cel: 'size(row.tag) > 1 ? "yes" : "no"' } },
      measures: { big: { path: 'n', cast: 'int64' }, price: { path: 'p', cast: 'decimal' } },
    };
    const payload = `<r><s id="7"><when at="2024-05-01T00:00:00Z"/><dc:who x="1"> Ann </dc:who><tag>a</tag><tag>b</tag>
      <n>9007199254740993</n><p>0.10</p></s></r>`;
    const { records, rejections } = await run(profileOf('xml', [record]), payload);
    expect(rejections).toEqual([]);
    expect(records).toMatchObject([
      {
        tsMs: Date.UTC(2024, 4, 1),
        dimensions: { who: 'Ann', first: 'a', long: 'yes' },
        measures: { price: 0.1 },
        exact: { big: '9007199254740993' },
      },
    ]);
  });

  it('of lists inside a row are made by explode, also where one stands alone', async () => {
    const rule = thing({ explode: 'lines.line', key: ['@id', '@item.@n'], dimensions: { sku: '@item.sku' } });
    const payload =
      '<r><o id="1"><lines><line n="1"><sku>a</sku></line></lines></o><o id="2"><lines><line n="1"/><line n="2"/></lines></o></r>';
    const { counts } = await run(profileOf('xml', [rule]), payload);
    expect(counts).toMatchObject({ records: 3, quarantined: 0 });
  });
});

describe('damage', () => {
  it.each([
    ['an end tag that does not match', `<r>${one}<i><a></i></r>`, ['parse_error <i><a></i></r>']],
    ['an end tag too many', `<r>${one}</r></r>`, ['parse_error </r>']],
    ['a second document', `<r>${one}</r><r/>`, ['parse_error <r/>']],
    ['text behind it', `<r>${one}</r>more`, ['parse_error more']],
    ['a tag that is not closed', `<r>${one}<i <a/></r>`, ['parse_error <i <a/></r>']],
    ['a < that begins nothing', `<r>${one}< i/></r>`, ['parse_error < i/></r>']],
    ['markup without a meaning', `<r>${one}<!ELEMENT i></r>`, ['parse_error <!ELEMENT i></r>']],
    ['an end', `<r>${one}<i id="2"`, ['truncated <i id="2"']],
    ['an end in a row', `<r>${one} <i id="2"><a>`, ['truncated <i id="2"><a>']],
    ['an end between rows', `<r>${one}\n`, ['truncated \n']],
    ['an attribute given twice', `<r>${one}<i id="2" id="3"/></r>`, ['parse_error <i id="2" id="3"/>']],
    ['an entity that is not known', `<r>${one}<i id="&nbsp;"/></r>`, ['parse_error <i id="&nbsp;"/>']],
    ['a character that is none', `<r>${one}<i id="2">\u0001</i></r>`, ['parse_error <i id="2">\u0001</i>']],
    ['a comment in a comment', `<r>${one}<i id="2"><!-- -- --></i></r>`, ['parse_error <i id="2"><!-- -- --></i>']],
  ])('of %s costs itself, and what it hides', async (_, payload, faults) => {
    expect(await read(xml('/r/i'), payload)).toMatchObject({ rows: [one], faults });
  });

  it('of a row costs that row alone, and nothing of it is in the message', async () => {
    const { rows, faults, messages } = await read(xml(), `<r>${one}<i secret></i><i>&secret;</i>${two}</r>`);
    expect(rows).toEqual([one, two]);
    expect(faults).toHaveLength(2);
    expect(messages.join()).not.toContain('secret');
    expect(messages[1]).toContain('are not expanded');
  });

  it('of bytes that are no text costs that row alone', async () => {
    const payload = Buffer.concat([Buffer.from(`<r>${one}<i id="`), Buffer.from([0xff]), Buffer.from(`"/>${two}</r>`)]);
    const { rows, faults } = await read(xml(), payload);
    expect(rows).toEqual([one, two]);
    expect(faults[0]).toMatch(/^invalid_utf8/);
  });

  it.each(['a,b\n1,2\n', '{"a":1}', 'text'])('is all of %j', async (payload) => {
    expect((await read(xml(), payload)).faults).toEqual([`parse_error ${payload}`]);
  });
});

describe('hostile XML', () => {
  it('has no entities of its own expanded, however they are nested', async () => {
    const laughs = Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('');
    const payload = `<!DOCTYPE r [<!ENTITY l0 "ha">${laughs}<!ENTITY x SYSTEM "file:///etc/passwd">]><r>${one}<i id="&l9;"/><i id="&x;"/>${two}</r>`;
    const { rows, faults, messages } = await read(xml('/r/i'), payload);
    expect(rows).toEqual([one, two]);
    expect(faults).toEqual(['parse_error <i id="&l9;"/>', 'parse_error <i id="&x;"/>']);
    expect(messages[0]).toContain('not expanded');
  });

  it('is bounded in depth, inside of rows and outside', async () => {
    const deep = `${'<a>'.repeat(200_000)}${'</a>'.repeat(200_000)}`;
    expect((await read(xml('/r/i'), `<r><i>${deep}</i>${one}</r>`)).faults[0]).toMatch(/^too_deep/);
    expect((await read(xml('//i'), deep)).faults[0]).toMatch(/^too_deep/);
    const nest = (n: number): string => `<i id="1">${'<a>'.repeat(n)}${'</a>'.repeat(n)}</i>`;
    expect((await read(xml(), `<r>${nest(3)}</r>`, small)).faults).toEqual([]);
    expect(await read(xml(), `<r>${nest(4)}${one}</r>`, small)).toMatchObject({
      rows: [one],
      faults: [`too_deep ${nest(4)}`],
    });
  });

  it('is bounded in the size of a row and of a tag', async () => {
    const big = `<i id="3">${'x'.repeat(300)}</i>`;
    expect(await read(xml(), `<r>${one}${big}${two}</r>`, small)).toMatchObject({
      rows: [one, two],
      faults: [`row_too_large ${big}`],
    });
    const { faults, counts } = await read(xml('/r/i'), `<r ${'a="b" '.repeat(1_000_000)}>${one}</r>`);
    expect(faults.map((fault) => fault.slice(0, 20))).toEqual(['parse_error <r a="b"']);
    expect(counts.records).toBe(0);
    expect((await read(xml('/r/i'), `<${'n'.repeat(5000)}/>`)).faults[0]).toMatch(/^parse_error/);
  });

  it('with 10^5 attributes, or as many children of as many names, is a row as others', async () => {
    const attributes = Array.from({ length: 80_000 }, (_, n) => `a${n}=""`).join(' ');
    const children = Array.from({ length: 100_000 }, (_, n) => `<b${n.toString(36)}/>`).join('');
    const { counts } = await read(xml(), `<r><i id="1" ${attributes}/><i id="2">${children}</i></r>`);
    expect(counts).toMatchObject({ records: 2, quarantined: 0 });
  });

  it('without an end to its document type is one fault', async () => {
    const payload = `<!DOCTYPE r [${'<!ENTITY a "b">'.repeat(1000)}`;
    expect((await read(xml(), payload)).faults).toHaveLength(1);
  });
});
