import { SheetDamage } from './sheet-damage.ts';

/** Takes what stands in a document, in its order. Names come without their prefix. */
export interface XmlHandler {
  open(name: string, attributes: string): void;
  close(name: string): void;
  /** A stretch of text as it is written, with its references; long text comes in several. */
  text(raw: string): void;
}

/** Tags are short; so long a one is an attack or damage. */
const maxTag = 65_536;
const textPiece = 65_536;

/**
 * Reads the XML that spreadsheets are made of, in any division: elements, attributes, text. Comments and instructions are passed over, document
 * types (and so entities of one's own) refused. Holds one tag. Throws SheetDamage.
 */
export class XmlScanner {
  private readonly handler: XmlHandler;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  private rest = '';
  private depth = 0;
  private begun = false;

  constructor(handler: XmlHandler) {
    this.handler = handler;
  }

  push(bytes: Buffer): void {
    this.scan(this.rest + this.decode(bytes));
  }

  end(): void {
    this.scan(this.rest + this.decode(undefined));
    if (this.depth > 0 || !this.begun || this.rest.includes('<'))
      throw new SheetDamage('A part of it ends in the middle.', 'truncated');
  }

  private decode(bytes: Buffer | undefined): string {
    try {
      return bytes === undefined ? this.decoder.decode() : this.decoder.decode(bytes, { stream: true });
    } catch {
      throw new SheetDamage('A part of it holds bytes that are not UTF-8.', 'invalid_utf8');
    }
  }

  private scan(text: string): void {
    let at = 0;
    for (;;) {
      const tag = text.indexOf('<', at);
      if (tag < 0) {
        // A reference at the end may be cut: it waits for the rest.
        const whole = text.length - at > textPiece ? cutBefore(text, '&') : at;
        if (whole > at) this.handler.text(text.slice(at, whole));
        this.rest = text.slice(Math.max(whole, at));
        if (this.rest.length > 2 * textPiece) throw new SheetDamage('A part of it holds a reference without an end.');
        return;
      }
      if (tag > at) this.handler.text(text.slice(at, tag));
      const end = this.tag(text, tag);
      if (end < 0) {
        this.rest = text.slice(tag);
        return;
      }
      at = end;
    }
  }

  /** Takes what begins at `from`, and returns where it ends; -1 when it goes on behind the text. */
  private tag(text: string, from: number): number {
    const next = text.charCodeAt(from + 1);
    if (next === 0x3f) return this.passed(text, from, '?>');
    if (next === 0x21) return this.declaration(text, from);
    const end = tagEnd(text, from + 1);
    if (end < 0) {
      if (text.length - from > maxTag) throw new SheetDamage('A part of it holds a tag that is too long.');
      return -1;
    }
    if (next === 0x2f) {
      if (--this.depth < 0) throw new SheetDamage('A part of it closes what it did not open.');
      this.handler.close(local(text.slice(from + 2, end).trim()));
    } else this.opened(text, from + 1, end);
    return end + 1;
  }

  private opened(text: string, from: number, end: number): void {
    this.begun = true;
    const empty = text.charCodeAt(end - 1) === 0x2f;
    const last = empty ? end - 1 : end;
    let at = from;
    while (at < last && text.charCodeAt(at) > 32) at++;
    const name = local(text.slice(from, at));
    this.handler.open(name, text.slice(at, last));
    if (empty) this.handler.close(name);
    else this.depth++;
  }

  private declaration(text: string, from: number): number {
    const head = text.slice(from, from + 9);
    if (head.startsWith('<!--')) return this.passed(text, from, '-->');
    if (head === '<![CDATA[') {
      const end = text.indexOf(']]>', from);
      if (end < 0) return this.waits(text, from);
      this.handler.text(text.slice(from + 9, end).replaceAll('&', '&amp;'));
      return end + 3;
    }
    if (head.length < 9) return -1;
    throw new SheetDamage('A part of it declares a document type, which is not read.');
  }

  private passed(text: string, from: number, mark: string): number {
    const end = text.indexOf(mark, from);
    return end < 0 ? this.waits(text, from) : end + mark.length;
  }

  private waits(text: string, from: number): number {
    if (text.length - from > 1 << 20) throw new SheetDamage('A part of it holds a comment or text that is too long.');
    return -1;
  }
}

/** Where the last thing that begins with `mark` starts, if it is short and so may be cut; else the end. */
function cutBefore(text: string, mark: string): number {
  const at = text.lastIndexOf(mark);
  return at >= 0 && text.length - at < 16 ? at : text.length;
}

/** A `>` that stands in no quotes. */
function tagEnd(text: string, from: number): number {
  for (let at = from; ;) {
    const end = text.indexOf('>', at);
    if (end < 0) return -1;
    const quote = openQuote(text, at, end);
    if (quote === undefined) return end;
    const closed = text.indexOf(quote.mark, quote.at + 1);
    if (closed < 0) return -1;
    at = closed + 1;
  }
}

/** The quote that is open at `to`, when quoting begins anew at `from`. */
function openQuote(text: string, from: number, to: number): { mark: string; at: number } | undefined {
  for (let at = from; at < to; at++) {
    const c = text.charCodeAt(at);
    if (c !== 0x22 && c !== 0x27) continue;
    const mark = c === 0x22 ? '"' : "'";
    const closed = text.indexOf(mark, at + 1);
    if (closed < 0 || closed > to) return { mark, at };
    at = closed;
  }
  return undefined;
}

function local(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}

const pair = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/** An attribute's value; undefined when it is not there. A prefix counts: `r:id`. */
export function attribute(attributes: string, name: string): string | undefined {
  const at = attributes.indexOf(` ${name}="`);
  if (at >= 0) {
    const from = at + name.length + 3;
    return unescaped(attributes.slice(from, attributes.indexOf('"', from)));
  }
  // Written plainly, it would have been found; else it may stand behind another white space, or in single quotes.
  if (!/[\n\r\t']|\s=/.test(attributes)) return undefined;
  for (const [, key, double, single] of attributes.matchAll(pair)) {
    if (key === name) return unescaped(double ?? single ?? '');
  }
  return undefined;
}

const known: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Text with its references in their characters' place; what is no reference stays as it is. */
export function unescaped(raw: string): string {
  if (!raw.includes('&')) return raw;
  return raw.replace(reference, (whole: string, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return known[name] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\ufffd';
  });
}

const reference = /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/g;
