/** 128-bit ids (32 hexadecimal characters) with a number each, in flat arrays: some 40 bytes an id, where a Map takes 150. */
export class IdMap {
  private capacity = 1024;
  private keys = new Uint32Array(4 * this.capacity);
  /** The number plus one; 0 marks a free place. */
  private values = new Float64Array(this.capacity);
  size = 0;
  private readonly key = new Uint32Array(4);

  /** The number of an id. */
  get(id: string): number | undefined {
    this.parse(id);
    const value = this.values[this.place()]!;
    return value === 0 ? undefined : value - 1;
  }

  /** Sets the number of an id, and returns the one before. */
  put(id: string, value: number): number | undefined {
    this.parse(id);
    const at = this.place();
    const before = this.values[at]!;
    if (before === 0) this.insert(at, value);
    else this.values[at] = value + 1;
    return before === 0 ? undefined : before - 1;
  }

  /** Sets the number of an id that has none; false, and no change, when it has one. */
  add(id: string, value: number): boolean {
    this.parse(id);
    const at = this.place();
    if (this.values[at] !== 0) return false;
    this.insert(at, value);
    return true;
  }

  private insert(free: number, value: number): void {
    let at = free;
    if (++this.size > this.capacity * 0.7) {
      this.grow();
      at = this.place();
    }
    const { keys, key } = this;
    for (let part = 0; part < 4; part++) keys[4 * at + part] = key[part]!;
    this.values[at] = value + 1;
  }

  /** Where the key under way stands, or the free place where it belongs. Ids are digests: their bits are spread already. */
  private place(): number {
    const { keys, values, key } = this;
    const mask = this.capacity - 1;
    for (let at = key[0]! & mask; ; at = (at + 1) & mask) {
      const k = 4 * at;
      if (values[at] === 0) return at;
      if (keys[k] === key[0] && keys[k + 1] === key[1] && keys[k + 2] === key[2] && keys[k + 3] === key[3]) return at;
    }
  }

  private grow(): void {
    const { keys, values, capacity } = this;
    const wanted = this.key.slice();
    this.capacity = capacity * 2;
    this.keys = new Uint32Array(4 * this.capacity);
    this.values = new Float64Array(this.capacity);
    for (let i = 0; i < capacity; i++) {
      if (values[i] === 0) continue;
      this.key.set(keys.subarray(4 * i, 4 * i + 4));
      const at = this.place();
      this.keys.set(this.key, 4 * at);
      this.values[at] = values[i]!;
    }
    this.key.set(wanted);
  }

  private parse(id: string): void {
    for (let part = 0; part < 4; part++) {
      let value = 0;
      for (let i = 8 * part; i < 8 * part + 8; i++) {
        const c = id.charCodeAt(i);
        value = (value << 4) | (c < 58 ? c - 48 : c - 87);
      }
      this.key[part] = value;
    }
  }
}
