/** Remembers texts by 53 bits of hash, in some 16 bytes each. It may take a new text for a known one, never a known one for new. */
export class KeySet {
  private capacity = 4096;
  /** Hash plus one; 0 marks a free place. */
  private places = new Float64Array(this.capacity);
  private size = 0;

  /** True when the text is new. */
  add(text: string): boolean {
    const value = hash53(text) + 1;
    const at = this.place(value);
    if (this.places[at] === value) return false;
    this.places[at] = value;
    if (++this.size > this.capacity * 0.7) this.grow();
    return true;
  }

  private place(value: number): number {
    const { places } = this;
    const mask = this.capacity - 1;
    for (let at = value & mask; ; at = (at + 1) & mask) {
      if (places[at] === 0 || places[at] === value) return at;
    }
  }

  private grow(): void {
    const before = this.places;
    this.capacity *= 2;
    this.places = new Float64Array(this.capacity);
    for (const value of before) if (value !== 0) this.places[this.place(value)] = value;
  }
}

/** Two multiplicative hashes of 32 bits, mixed (cyrb53). Not for adversaries: a collision only costs time. */
function hash53(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x9e3779b1);
    b = Math.imul(b ^ c, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return (b & 0x1fffff) * 2 ** 32 + (a >>> 0);
}
