/** 53 bits of hash of a text: enough to tell millions of values apart, and a plain number. Not for secrets. */
export function hashText(text: string, seed = 0): number {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 2654435761);
    b = Math.imul(b ^ c, 1597334677);
  }
  return finish(a, b);
}

/** A hash of two hashes, in order. */
export function joinHash(first: number, second: number): number {
  const a = Math.imul((first >>> 0) ^ 0x9e3779b9, 2654435761) ^ Math.imul(second >>> 0, 2246822507);
  const b = Math.imul(high(first) ^ 0x85ebca6b, 1597334677) ^ Math.imul(high(second), 3266489909);
  return finish(a, b);
}

function high(hash: number): number {
  return Math.floor(hash / 2 ** 32);
}

function finish(a: number, b: number): number {
  const x = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  const y = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(x ^ (x >>> 13), 3266489909);
  return 2 ** 32 * (2097151 & y) + (x >>> 0);
}

const kept = 1024;

/** Counts distinct values in 8 KiB: exact up to 1,024, then within some 3 %, from the smallest hashes seen. */
export class DistinctSketch {
  private readonly seen = new Set<number>();
  private smallest: number[] = [];
  private greatest = Infinity;

  add(hash: number): void {
    if (hash >= this.greatest || this.seen.has(hash)) return;
    this.seen.add(hash);
    if (this.seen.size < 2 * kept) return;
    this.smallest = [...this.seen].sort((a, b) => a - b).slice(0, kept);
    this.seen.clear();
    for (const one of this.smallest) this.seen.add(one);
    this.greatest = this.smallest.at(-1)!;
  }

  count(): number {
    if (this.greatest === Infinity) return this.seen.size;
    const hashes = [...this.seen].sort((a, b) => a - b);
    return Math.round(((kept - 1) * 2 ** 53) / hashes[kept - 1]!);
  }
}
