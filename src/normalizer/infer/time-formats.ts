const dates = [
  'yyyy/MM/dd',
  'yyyy/M/d',
  'yyyy-M-d',
  'yyyy.MM.dd',
  'MM/dd/yyyy',
  'dd/MM/yyyy',
  'M/d/yyyy',
  'd/M/yyyy',
  'dd.MM.yyyy',
  'd.M.yyyy',
  'dd-MM-yyyy',
  'MM-dd-yyyy',
  'M/d/yy',
  'd/M/yy',
  'MMM d yyyy',
  'MMM d, yyyy',
  'MMMM d yyyy',
  'MMMM d, yyyy',
  'd MMM yyyy',
  'd MMMM yyyy',
  'd-MMM-yyyy',
  'd-MMM-yy',
  'd MMM yy',
];
const times = ['', ' HH:mm', ' HH:mm:ss', ' H:mm', ' H:mm:ss', ' h:mm a', ' h:mm:ss a', ', h:mm:ss a', ' HH:mm:ss Z'];
const others = [
  'yyyy-MM',
  'yyyy/MM',
  'MM/yyyy',
  'MMM yyyy',
  'MMMM yyyy',
  'MMM yy',
  'yyyyMMdd',
  'yyyyMM',
  'yyyyMMddHHmmss',
  'yyyy',
];

/** Every format that inference knows, the likelier of two that read the same texts first. */
const formats: readonly string[] = ['iso', ...dates.flatMap((date) => times.map((time) => date + time)), ...others];

/** Reads a text by a format to milliseconds, its local fields taken as UTC; undefined when it does not fit. */
export type ReadTime = (text: string) => number | undefined;
export type TimeReaders = readonly { format: string; read: ReadTime }[];

/** The readers of every known format, made once. */
export function timeReaders(compile: (format: string) => ReadTime): TimeReaders {
  return formats.map((format) => ({ format, read: compile(format) }));
}

/** Formats that together read a column's texts, the most useful first. */
export interface TimeReading {
  formats: string[];
  /** Texts that one of them reads. */
  read: number;
  /** Of those, texts whose time a record cannot hold: outside of 1900 to 2299. */
  outside: number;
  minMs: number;
  maxMs: number;
  /** Another format that reads all of the same texts and says other days. */
  rival: string | undefined;
}

const earliest = Date.UTC(1900, 0, 1);
const latest = Date.UTC(2300, 0, 1) - 1;
const trials = 64;
const maxMisses = 64;

interface Hits {
  count: number;
  outside: number;
  minMs: number;
  maxMs: number;
}

/** Tries formats on texts as they come. After some texts, formats that never fitted are tried only on those that no other reads. */
export class TimeTrial {
  private readonly readers: TimeReaders;
  private readonly hits = new Map<number, Hits>();
  /** How many texts were read by exactly these formats. */
  private readonly signatures = new Map<string, number>();
  private tried = 0;
  private misses = 0;

  constructor(readers: TimeReaders) {
    this.readers = readers;
  }

  add(text: string): void {
    if (this.misses > maxMisses && this.misses > this.tried / 2) return;
    this.tried++;
    if (text.length < 4 || text.length > 40 || !/\d/.test(text)) {
      this.misses++;
      return;
    }
    let matched = this.tried <= trials ? '' : this.tryAll(text, [...this.hits.keys()]);
    if (matched === '') matched = this.tryAll(text, this.readers.keys());
    if (matched === '') this.misses++;
    else if (this.signatures.size < 256 || this.signatures.has(matched))
      this.signatures.set(matched, (this.signatures.get(matched) ?? 0) + 1);
  }

  private tryAll(text: string, indices: Iterable<number>): string {
    const matched: number[] = [];
    for (const index of indices) {
      const ms = this.readers[index]!.read(text);
      if (ms === undefined) continue;
      matched.push(index);
      const hits = this.hits.get(index) ?? { count: 0, outside: 0, minMs: Infinity, maxMs: -Infinity };
      this.hits.set(index, hits);
      hits.count++;
      if (ms < earliest || ms > latest) hits.outside++;
      hits.minMs = Math.min(hits.minMs, ms);
      hits.maxMs = Math.max(hits.maxMs, ms);
    }
    return matched.sort((a, b) => a - b).join(' ');
  }

  /** The fewest formats that read the most: the best one, then what reads most of the rest. */
  reading(): TimeReading | undefined {
    let open = [...this.signatures].map(([key, count]) => ({ indices: key.split(' ').map(Number), count }));
    const chosen: number[] = [];
    let read = 0;
    let rival: string | undefined;
    while (open.length > 0 && chosen.length < 4) {
      const gains = new Map<number, number>();
      for (const { indices, count } of open)
        for (const index of indices) gains.set(index, (gains.get(index) ?? 0) + count);
      const [best, gain] = [...gains].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0]!;
      if (chosen.length === 0) {
        const other = [...gains].find(([index, n]) => index !== best && n === gain && this.differs(index, best));
        rival = other === undefined ? undefined : this.readers[other[0]]!.format;
      }
      chosen.push(best);
      read += gain;
      open = open.filter(({ indices }) => !indices.includes(best));
    }
    if (chosen.length === 0) return undefined;
    const hits = chosen.map((index) => this.hits.get(index)!);
    return {
      formats: chosen.map((index) => this.readers[index]!.format),
      read,
      outside: Math.max(...hits.map((one) => one.outside)),
      minMs: Math.min(...hits.map((one) => one.minMs)),
      maxMs: Math.max(...hits.map((one) => one.maxMs)),
      rival,
    };
  }

  /** Two formats of the same texts mean other days: day and month changed places. */
  private differs(a: number, b: number): boolean {
    const [one, other] = [this.hits.get(a)!, this.hits.get(b)!];
    return one.minMs !== other.minMs || one.maxMs !== other.maxMs;
  }
}
