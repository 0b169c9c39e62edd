import { defaultCaps, elementPath, type RowSink, XmlSplitter } from '#formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Profile } from '#contracts';
import { profileOf, run } from './testing.ts';

const caps = { ...defaultCaps, rowBytes: 80, depth: 4 };
const record = { kind: 'entity' as const, name: 'x', key: ['@id'], dimensions: { t: { path: 't', trim: false } } };
const profiles: Profile[] = [undefined, '/r/i', '//i', '//r/*', '/r/a:i'].map((select) =>
  profileOf('xml', [record], select === undefined ? {} : { select }),
);

/** Bytes that are nearly right: pieces of the format in any order, and damage. */
const piece = fc.constantFrom(
  '<r>',
  '</r>',
  '<i id="1">',
  "<a:i id='2'/>",
  '</i>',
  '<t>x</t>',
  '<',
  '>',
  '/>',
  '"',
  '<!--',
  '-->',
  '->',
  '<![CDATA[',
  ']]>',
  '<?xml version="1.0" encoding="iso-8859-1"?>',
  '<?',
  '?>',
  '<!DOCTYPE r [',
  ']>',
  '&amp;',
  '&x;',
  ' ',
  '\n',
  'ä',
  '\ud83d\ude00',
  'x'.repeat(40),
);
const rows = fc.array(
  fc.constantFrom('<i id="1"><t>x</t></i>', "<i id='2'/>", '<i id="3">&#228;</i>', '<!-- <i> -->'),
  {
    maxLength: 6,
  },
);
const encode = (text: string, wide: number): Buffer => {
  if (wide === 0) return Buffer.from(text);
  const bytes = Buffer.from(`${wide > 2 ? '\ufeff' : ''}${text}`, 'utf16le');
  return wide % 2 === 1 ? bytes : bytes.swap16();
};
const payload = fc.oneof(
  fc
    .tuple(fc.array(piece, { maxLength: 25 }), fc.nat({ max: 4 }))
    .map(([parts, wide]) => encode(parts.join(''), parts.length > 9 ? 0 : wide)),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(rows, fc.nat({ max: 4 }), fc.nat({ max: 200 }))
    .map(([parts, wide, cut]) => encode(`<r>${parts.join('')}</r>`, wide).subarray(0, cut % 3 === 0 ? cut : undefined)),
);
const chunks = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });

describe('any bytes', () => {
  it.each(profiles.map((p) => [p.select ?? 'by default', p] as const))(
    'are accounted for, however they are cut: %s',
    async (_, profile) => {
      await fc.assert(
        fc.asyncProperty(payload, chunks, async (bytes, sizes) => {
          const whole = await run(profile, bytes, { caps });
          const { counts } = whole;
          expect(counts.candidates).toBe(counts.records + counts.quarantined + counts.deduplicated + counts.skipped);
          for (const { start, end } of whole.rejections)
            expect(0 <= start && start <= end && end <= bytes.length).toBe(true);
          for (const r of whole.records) expect(r.byteStart < r.byteEnd && r.byteEnd <= bytes.length).toBe(true);
          expect(await run(profile, bytes, { caps, chunks: sizes })).toEqual(whole);
        }),
        { numRuns: 400 },
      );
    },
  );
});

describe('XML', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ' ', '<', '&', '>', '"', "'", ']]>', '\n', 'ä', 'é', '--'),
    maxLength: 8,
  });
  const escaped = (value: string): string =>
    value
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll('\n', '&#10;');
  const writers: [string, (text: string) => Buffer][] = [
    ['UTF-8', (xml) => Buffer.from(xml)],
    ['UTF-8 with a mark', (xml) => Buffer.from(`\ufeff${xml}`)],
    ['UTF-8 that says UTF-16', (xml) => Buffer.from(`<?xml version="1.0" encoding="utf-16"?>${xml}`)],
    ['ISO-8859-1', (xml) => Buffer.from(`<?xml version='1.0' encoding='ISO-8859-1' ?>\n${xml}`, 'latin1')],
    ['windows-1252', (xml) => Buffer.from(`<?xml version="1.0" encoding="windows-1252"?>${xml}`, 'latin1')],
    ['ISO-8859-15', (xml) => Buffer.from(`<?xml version="1.0" encoding="iso-8859-15"?>${xml}`, 'latin1')],
    ['UTF-16', (xml) => encode(xml, 3)],
    ['UTF-16 in the other order', (xml) => encode(`<?xml version="1.0" encoding="UTF-16"?>${xml}`, 4)],
    ['UTF-16 without a mark', (xml) => encode(`<?xml version="1.0"?>${xml}`, 1)],
  ];

  it.each(writers)('in %s reads back as written, with the byte range of every row', async (_, write) => {
    const profile = profileOf('xml', [
      { ...record, dimensions: { t: { path: 't', trim: false }, a: { path: '@ä', trim: false } } },
    ]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, text), { maxLength: 5 }), chunks, async (values, sizes) => {
        const elements = values.map(([t, a], i) => `<i id="${i}" ä="${escaped(a)}"><t>${escaped(t)}</t></i>`);
        const bytes = write(`<r>\n${elements.join('<!-- é -->')}</r>`);
        const { records, rejections } = await run(profile, bytes, { chunks: sizes });
        expect(rejections).toEqual([]);
        const kept = (value: string): string | undefined => (value === '' ? undefined : value);
        expect(records.map(({ dimensions: { t, a } }) => [t, a])).toEqual(values.map(([t, a]) => [kept(t), kept(a)]));
        const parts = records.map((r) => bytes.subarray(r.byteStart, r.byteEnd));
        expect(parts).toEqual(elements.map((element) => bytesLike(write, element)));
      }),
      { numRuns: 60 },
    );
  });

  /** A part as it is written inside of a document. */
  function bytesLike(write: (text: string) => Buffer, part: string): Buffer {
    const empty = write('').length;
    return write(part).subarray(empty);
  }

  it.each(['shift_jis', 'utf-32', 'ebcdic-cp-us', 'utf-7', 'nonsense'])(
    'in %s is refused, and says what is read',
    async (name) => {
      const { rejections } = await run(profiles[0]!, `<?xml version="1.0" encoding="${name}"?><r><i id="1"/></r>`);
      expect(rejections).toMatchObject([{ reason: 'invalid_utf8', start: 0 }]);
      expect(rejections[0]!.message).toContain('UTF-16');
    },
  );

  it('cut off anywhere keeps whole rows alone, and one quarantine row stands for the rest', async () => {
    const document =
      '<?xml version="1.0"?>\n<!DOCTYPE r><r>\n<i id="1"><t>a</t></i><!-- b --><i id="2"/> <i id="3"><![CDATA[c]]></i></r>';
    for (const wide of [0, 1, 4]) {
      const bytes = encode(document, wide);
      for (let length = 1; length < bytes.length; length++) {
        const { records, rejections, counts } = await run(profiles[0]!, bytes.subarray(0, length), { chunks: [5] });
        expect(rejections.map(({ reason }) => reason.replace(/no_rows|parse_error/, 'truncated'))).toEqual([
          'truncated',
        ]);
        expect(counts.candidates).toBe(records.length + 1);
        expect(records.map((r) => r.row)).toEqual(records.map((_, i) => i));
        expect(rejections[0]!.end).toBe(length);
      }
    }
  });
});

interface Tree {
  name: string;
  attributes: string;
  children: (Tree | string)[];
}

const { tree } = fc.letrec<{ tree: Tree; child: Tree | string }>((tie) => ({
  child: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('text', '&lt;', '<!-- <r><i/> -->', '<![CDATA[</r>]]>', '<?p <i> ?>', '\n', 'é'),
    tie('tree'),
  ),
  tree: fc.record({
    name: fc.constantFrom('r', 'i', 'a:i', 'x'),
    attributes: fc.constantFrom('', ' id="1"', ' id=\'/>\' b=">"', ' \n id = "2" '),
    children: fc.array(tie('child'), { maxLength: 4 }),
  }),
}));

function rendered(node: Tree | string): string {
  if (typeof node === 'string') return node;
  const inside = node.children.map(rendered).join('');
  return inside === ''
    ? `<${node.name}${node.attributes}/>`
    : `<${node.name}${node.attributes}>${inside}</${node.name} >`;
}

/** What a selection means, told the other way: by the names from the document down to an element. */
function selected(
  node: Tree | string,
  above: readonly string[],
  means: (names: readonly string[]) => boolean,
): string[] {
  if (typeof node === 'string') return [];
  const names = [...above, node.name];
  if (means(names)) return [rendered(node)];
  return node.children.flatMap((child) => selected(child, names, means));
}

describe('a selection of any document', () => {
  const local = (name: string | undefined): string | undefined => name?.replace('a:', '');
  it.each<[select: string, means: (names: readonly string[]) => boolean]>([
    ['/r/i', (n) => n.length === 2 && local(n[0]) === 'r' && local(n[1]) === 'i'],
    ['/*/*', (n) => n.length === 2],
    ['/r/*/a:i', (n) => n.length === 3 && n[0] === 'r' && n[2] === 'a:i'],
    ['//i', (n) => local(n.at(-1)) === 'i'],
    ['//r/x', (n) => n.at(-1) === 'x' && n.at(-2) === 'r'],
    ['//r/r/*', (n) => n.length > 2 && n.at(-2) === 'r' && n.at(-3) === 'r'],
  ])('by %s finds what it means, whole and once', (select, means) => {
    fc.assert(
      fc.property(tree, chunks, (node, sizes) => {
        const bytes = Buffer.from(rendered(node));
        const found: string[] = [];
        const sink: RowSink = {
          row: (part, from, to, start) => {
            found.push(part.toString('utf8', from, to));
            expect(bytes.subarray(start, start + to - from)).toEqual(part.subarray(from, to));
          },
          fault: (reason) => expect(reason).toBe('no_rows'),
        };
        const splitter = new XmlSplitter(sink, defaultCaps, elementPath(select)!);
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + sizes[i % sizes.length]!;
          splitter.push(bytes.subarray(at, end), undefined);
          at = end;
        }
        splitter.end();
        expect(found).toEqual(selected(node, [], means));
      }),
      { numRuns: 300 },
    );
  });
});
