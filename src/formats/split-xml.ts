import type { ReasonCode } from '#contracts';
import { DoctypeScanner } from './doctype.ts';
import { type RowCaps, type RowSink, type Splitter, tooLargeMessage } from './row-sink.ts';
import { followPath, type ElementPath, type PathFollower } from './select-element.ts';
import { tooDeepMessage } from './split-json.ts';
import { XmlBytes } from './xml-bytes.ts';

/** Where the scanner stands. */
const inText = 0;
const atMarkup = 1;
const atBang = 2;
const inOpenName = 3;
const inOpenTag = 4;
const inCloseName = 5;
const inCloseTag = 6;
const inComment = 7;
const inCdata = 8;
const inInstruction = 9;
const inDoctype = 10;
const damaged = 11;

/** Of open elements outside of rows, and of all. */
const deepestDocument = 4096;
const nameCap = 1024;

/**
 * Cuts an XML document into the elements at a path, holding at most one row. The scanner checks that tags are whole and match; the rest of a row is
 * checked when it is parsed, so a bad row with sound tags costs itself alone. Any other damage ends the reading, and the rest is one fault. Document types are
 * passed over: nothing that they declare or name is used.
 */
export class XmlSplitter implements Splitter {
  private readonly sink: RowSink;
  private readonly caps: RowCaps;
  private readonly path: PathFollower;
  private readonly doctype = new DoctypeScanner();
  /** The document so far; it knows how rows are text. */
  readonly bytes: XmlBytes;

  private state = inText;
  /** Of the markup under way. All places count code units. */
  private start = 0;
  private bang = '';
  private hash = 0;
  private nameLength = 0;
  private quote = 0;
  private slash = false;

  /** Of every open element its name, hashed, and what it met of the path. */
  private readonly hashes: number[] = [];
  private readonly met: number[] = [];
  private rootSeen = false;
  private isRow = false;
  private rowDepth = 0;
  private rowStart = 0;
  private deepest = 0;
  private rows = 0;
  private emptyContainer = false;
  /** Where the last whole element or tag ended: where a truncated part begins. */
  private soundEnd = 0;
  private damageStart = 0;
  private damageReason: ReasonCode = 'parse_error';
  private damageMessage = '';

  constructor(sink: RowSink, caps: RowCaps, path: ElementPath) {
    this.sink = sink;
    this.caps = caps;
    this.path = followPath(path);
    this.bytes = new XmlBytes(caps.rowBytes);
  }

  push(chunk: Buffer, text: string | undefined): void {
    if (this.bytes.load(chunk, text)) this.read();
  }

  private read(): void {
    this.scan();
    this.bytes.finish();
  }

  end(): void {
    if (this.bytes.load(Buffer.alloc(0), undefined, true)) this.read();
    const { hashes, sink, bytes } = this;
    const { size: total, whole } = bytes.end();
    if (!whole) this.damage(bytes.base, 'The payload ends inside a character.');
    if (this.state === damaged) sink.fault(this.damageReason, this.openFrom(), total, this.damageMessage);
    else if (this.state !== inText || hashes.length > 0)
      sink.fault('truncated', this.openFrom(), total, 'The payload ends before its XML does.');
    else if (!this.rootSeen) sink.fault('no_rows', 0, total, 'The payload holds no XML element.');
    else if (this.rows === 0 && !this.emptyContainer)
      sink.fault('no_rows', 0, total, 'The selection of the profile found no elements in the payload.');
  }

  openFrom(): number {
    const from = this.state === damaged ? this.damageStart : this.isRow ? this.rowStart : this.soundEnd;
    return from * this.bytes.encoding.unit;
  }

  private scan(): void {
    const size = this.bytes.units.length;
    let i = 0;
    while (i < size) {
      switch (this.state) {
        case inText:
          i = this.scanText(i);
          break;
        case inOpenName:
        case inCloseName:
          i = this.scanName(i);
          break;
        case inOpenTag:
          i = this.scanTag(i);
          break;
        case inComment:
          i = this.scanTo(i, 0x2d, 0x2d, '<!---->'.length);
          break;
        case inCdata:
          i = this.scanTo(i, 0x5d, 0x5d, '<![CDATA[]]>'.length);
          break;
        case inInstruction:
          i = this.scanTo(i, undefined, 0x3f, '<?x?>'.length - 1);
          break;
        case damaged:
          return;
        default:
          i = this.structure(i, this.bytes.units[i]!);
      }
    }
  }

  /** Up to the next markup. */
  private scanText(from: number): number {
    const { units } = this.bytes;
    const found = units.indexOf(0x3c, from);
    const to = found < 0 ? units.length : found;
    if (this.hashes.length === 0) {
      for (let i = from; i < to; i++) {
        if (!isSpace(units[i]!))
          return this.damage(this.bytes.base + i, 'There is text outside of the element that holds all others.');
      }
    }
    if (found < 0) return to;
    this.start = this.bytes.base + found;
    if (!this.isRow) this.bytes.keepFrom(found);
    this.state = atMarkup;
    return found + 1;
  }

  /** One unit behind `<` or `<!`, of a document type, or behind the name of an end tag. */
  private structure(i: number, c: number): number {
    switch (this.state) {
      case atMarkup:
        return this.beginMarkup(i, c);
      case atBang:
        return this.beginDeclaration(i, c);
      case inDoctype:
        if (this.doctype.push(c)) this.state = inText;
        return i + 1;
      default:
        if (c === 0x3e) return this.finishClose(i + 1);
        return isSpace(c) ? i + 1 : this.damage(this.start, 'An end tag is not closed.');
    }
  }

  private beginMarkup(i: number, c: number): number {
    const outside = this.hashes.length === 0;
    this.hash = 0;
    this.nameLength = 0;
    if (c === 0x21) {
      this.state = atBang;
      this.bang = '';
    } else if (c === 0x3f) {
      this.state = inInstruction;
      if (this.start > this.bytes.first) this.release();
    } else if (c === 0x2f) {
      if (outside) return this.damage(this.start, 'There is an end tag without a start tag.');
      this.state = inCloseName;
      this.release();
    } else if (isSpace(c) || c === 0x3e || c === 0x3c || c === 0x26 || c === 0x3d) {
      return this.damage(this.start, 'The name of a tag is expected behind <.');
    } else if (outside && this.rootSeen) {
      return this.damage(this.start, 'The payload goes on behind the end of its XML.');
    } else {
      this.state = inOpenName;
      return i;
    }
    return i + 1;
  }

  private beginDeclaration(i: number, c: number): number {
    this.bang += String.fromCharCode(c);
    const { bang } = this;
    const inside = this.hashes.length > 0;
    if (bang === '--') this.state = inComment;
    else if (bang === '[CDATA[' && inside) this.state = inCdata;
    else if (bang === 'DOCTYPE' && !this.rootSeen) this.state = inDoctype;
    else if (
      !['--', inside ? '[CDATA[' : '--', this.rootSeen ? '--' : 'DOCTYPE'].some((known) => known.startsWith(bang))
    )
      return this.damage(this.start, 'There is markup that has no meaning there.');
    if (this.state !== atBang) this.release();
    return i + 1;
  }

  private scanName(from: number): number {
    const { units } = this.bytes;
    const size = units.length;
    let { hash } = this;
    let i = from;
    for (; i < size; i++) {
      const c = units[i]!;
      if (c === 0x3e || c === 0x2f || c === 0x3c || c === 32 || c === 10 || c === 13 || c === 9) break;
      hash = (Math.imul(hash, 31) + c) | 0;
    }
    this.hash = hash;
    this.nameLength += i - from;
    if (i < size) {
      this.state = this.state === inOpenName ? inOpenTag : inCloseTag;
      this.quote = 0;
      this.slash = false;
    }
    return i;
  }

  /** Behind the name of a start tag, up to its end. */
  private scanTag(from: number): number {
    const { units } = this.bytes;
    let { quote, slash } = this;
    for (let i = from; i < units.length; i++) {
      const c = units[i]!;
      if (quote !== 0) {
        if (c === quote) quote = 0;
      } else if (c === 0x3e) {
        this.slash = slash;
        return this.finishOpen(i + 1);
      } else if (c === 0x3c) return this.damage(this.start, 'A start tag is not closed.');
      else {
        slash = c === 0x2f;
        if (c === 0x22 || c === 0x27) quote = c;
      }
    }
    this.quote = quote;
    this.slash = slash;
    return units.length;
  }

  /** To a `>` with these two units before it, and the markup of at least this length. */
  private scanTo(from: number, first: number | undefined, second: number, least: number): number {
    const { units } = this.bytes;
    for (let at = units.indexOf(0x3e, from); at >= 0; at = units.indexOf(0x3e, at + 1)) {
      if (this.bytes.base + at + 1 - this.start < least || this.bytes.at(at - 1) !== second) continue;
      if (first !== undefined && this.bytes.at(at - 2) !== first) continue;
      if (this.state === inInstruction && this.start === this.bytes.first) return this.finishDeclaration(at + 1);
      this.state = inText;
      return at + 1;
    }
    return units.length;
  }

  /** The first line says how the bytes are text. */
  private finishDeclaration(end: number): number {
    this.state = inText;
    const known = this.bytes.declare(end);
    this.bytes.release();
    if (!known)
      return this.damage(
        0,
        'The encoding that the XML declares is not read: UTF-8, UTF-16, ISO-8859, Windows-125x and KOI8 are. Have the upstream send UTF-8.',
        'invalid_utf8',
      );
    return end;
  }

  private finishOpen(end: number): number {
    const depth = this.hashes.length;
    if (depth >= deepestDocument) return this.damage(this.start, tooDeepMessage(deepestDocument), 'too_deep');
    this.state = inText;
    this.rootSeen = true;
    let met = 0;
    if (this.isRow) this.deepest = Math.max(this.deepest, depth - this.rowDepth + 1);
    else {
      const above = depth === 0 ? 0 : this.met[depth - 1]!;
      if (depth === 0 || !this.path.isOff(above)) {
        const name = this.name(end);
        if (name === undefined) return this.damage(this.start, 'A tag is too long, or its name is no text.');
        met = this.path.enter(above, depth, name);
      }
      if (this.path.isRow(met)) {
        this.isRow = true;
        this.rowDepth = depth;
        this.rowStart = this.start;
        this.deepest = 1;
        if (this.slash) return this.emitRow(end);
      } else {
        this.release();
        this.soundEnd = this.bytes.base + end;
        this.emptyContainer ||= this.path.isAlmost(met);
      }
    }
    if (!this.slash) {
      this.hashes.push(this.hash);
      this.met.push(met);
    }
    return end;
  }

  private finishClose(end: number): number {
    if (this.hashes.pop() !== this.hash) return this.damage(this.start, 'An end tag does not match its start tag.');
    this.met.pop();
    this.state = inText;
    if (!this.isRow) this.soundEnd = this.bytes.base + end;
    else if (this.hashes.length === this.rowDepth) return this.emitRow(end);
    return end;
  }

  private emitRow(end: number): number {
    const { bytes, caps, sink } = this;
    const { unit } = bytes.encoding;
    const size = (bytes.base + end - this.rowStart) * unit;
    const start = this.rowStart * unit;
    this.rows++;
    this.isRow = false;
    this.soundEnd = bytes.base + end;
    if (size > caps.rowBytes) sink.fault('row_too_large', start, start + size, tooLargeMessage(size, caps.rowBytes));
    else if (this.deepest > caps.depth) sink.fault('too_deep', start, start + size, tooDeepMessage(caps.depth));
    else bytes.handOver(end, (part, from, to, text) => sink.row(part, from, to, start, text));
    bytes.release();
    return end;
  }

  private name(end: number): string | undefined {
    const kept = this.bytes.kept(end);
    const { unit, decode } = this.bytes.encoding;
    return kept === undefined || this.nameLength > nameCap
      ? undefined
      : decode(kept, unit, unit * (1 + this.nameLength));
  }

  private release(): void {
    if (!this.isRow) this.bytes.release();
  }

  private damage(at: number, message: string, reason: ReasonCode = 'parse_error'): number {
    if (this.state === damaged) return this.bytes.units.length;
    this.damageStart = this.isRow ? this.rowStart : at;
    this.damageReason = reason;
    this.damageMessage = reason === 'parse_error' ? `The payload is not well-formed XML. ${message}` : message;
    this.state = damaged;
    this.isRow = false;
    this.release();
    return this.bytes.units.length;
  }
}

function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9;
}
