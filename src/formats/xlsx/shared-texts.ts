import { SheetDamage } from './sheet-damage.ts';
import { unescaped, type XmlHandler } from './xml.ts';

/** Gathers the text of an element that may be of several runs; what tells how to pronounce it is none of it. */
export class TextRuns {
  /** As it is written, with references. */
  private raw = '';
  private inText = false;
  private reading = 0;

  open(name: string): void {
    if (name === 't') this.inText = this.reading === 0;
    else if (name === 'rPh') this.reading++;
  }

  close(name: string): void {
    if (name === 't') this.inText = false;
    else if (name === 'rPh') this.reading--;
  }

  text(raw: string, most: number): void {
    if (this.inText && this.raw.length <= most) this.raw += raw;
  }

  /** Its length so far. */
  get length(): number {
    return this.raw.length;
  }

  take(): string {
    const text = unescaped(this.raw);
    this.raw = '';
    this.inText = false;
    return withoutEscapes(text);
  }
}

/** Characters that XML cannot hold are written `_x000D_`; a text that means just that is written `_x005F_x000D_`. */
function withoutEscapes(text: string): string {
  if (!text.includes('_x')) return text;
  return text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Memory of all shared texts: characters, and some for each text. */
const mostWeight = 256 << 20;
const textWeight = 32;

/** The texts that cells refer to by number. Held in memory, and bounded. */
export function sharedTexts(): { texts: string[]; handler: XmlHandler } {
  const texts: string[] = [];
  const runs = new TextRuns();
  let weight = 0;
  const handler: XmlHandler = {
    open: (name) => runs.open(name),
    close(name) {
      runs.close(name);
      if (name !== 'si') return;
      const text = runs.take();
      weight += text.length + textWeight;
      texts.push(text);
    },
    text(raw) {
      runs.text(raw, mostWeight);
      if (weight + runs.length > mostWeight)
        throw new SheetDamage(`Its shared texts take more than ${mostWeight >> 20} MiB.`, 'row_too_large');
    },
  };
  return { texts, handler };
}
