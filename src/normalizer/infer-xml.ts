import { declaredEncoding, defaultSelect, sniffEncoding, type XmlEncoding } from '#formats';
import type { Profile } from '#contracts';
import type { Note } from './infer/draft.ts';
import { XmlShapeScanner } from './infer/xml-shape.ts';

/** The rest of a document is of the same shape; and no text in it may be held that is longer. */
const scannedBytes = 32 << 20;

/** The first bytes of a payload are those of XML. */
export function isXml(head: Buffer): boolean {
  return /^\ufeff?\s*<[?!\p{L}_:]/u.test(textOf(head));
}

/** Where the rows of an XML payload are. */
export async function xmlFrame(
  open: () => AsyncIterable<Uint8Array>,
  head: Buffer,
): Promise<{ frame: Pick<Profile, 'format' | 'select'>; notes: Note[] }> {
  const scanner = new XmlShapeScanner();
  const decoder = new TextDecoder(encodingOf(head).label);
  let size = 0;
  for await (const chunk of open()) {
    scanner.push(decoder.decode(chunk, { stream: true }));
    size += chunk.length;
    if (size >= scannedBytes) break;
  }
  const { select = defaultSelect, note } = scanner.found();
  const notes = note === undefined ? [] : [{ pointer: '/select', text: `guess: ${note}` }];
  return { frame: { format: 'xml', select }, notes };
}

function encodingOf(head: Buffer): XmlEncoding {
  const { encoding } = sniffEncoding(head);
  const [declaration = ''] = /^\ufeff?<\?xml\s[^>]*>/.exec(textOf(head)) ?? [];
  return declaredEncoding(declaration, encoding) ?? encoding;
}

function textOf(head: Buffer): string {
  return new TextDecoder(sniffEncoding(head).encoding.label).decode(head.subarray(0, 1024));
}
