/** Where a decoder takes its bytes from. */
export interface Pieces {
  /** The next `size` bytes; fewer at the end alone. */
  take(size: number): Promise<Buffer>;
  /** Gives back the last bytes taken, to be taken again. */
  unread(bytes: Buffer): void;
}

/** Bytes of an iterable, in whatever pieces they are asked for: how the iterable cuts them does not show. */
export class ByteSource implements Pieces {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private held: Buffer = Buffer.alloc(0);
  private ended = false;
  /** Bytes taken so far. */
  position = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Buffer> {
    const head = await this.peek(size);
    this.held = this.held.subarray(head.length);
    this.position += head.length;
    return head;
  }

  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.held = Buffer.concat([bytes, this.held]);
    this.position -= bytes.length;
  }

  /** As `take`, and leaves them. */
  async peek(size: number): Promise<Buffer> {
    if (this.held.length < size && !this.ended) {
      const parts = [this.held];
      let length = this.held.length;
      while (length < size) {
        const chunk = await this.chunk();
        if (chunk === undefined) break;
        parts.push(chunk);
        length += chunk.length;
      }
      this.held = Buffer.concat(parts, length);
    }
    return this.held.subarray(0, size);
  }

  /** Passes over bytes; false when there are not as many. */
  async skip(size: number): Promise<boolean> {
    let left = size - this.held.length;
    this.held = this.held.subarray(Math.min(size, this.held.length));
    while (left > 0) {
      const chunk = await this.chunk();
      if (chunk === undefined) {
        this.position += size - left;
        return false;
      }
      this.held = chunk.subarray(Math.min(left, chunk.length));
      left -= chunk.length;
    }
    this.position += size;
    return true;
  }

  /** All that is left, as it comes. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    if (this.held.length > 0) {
      const { held } = this;
      this.held = Buffer.alloc(0);
      this.position += held.length;
      yield held;
    }
    for (let chunk = await this.chunk(); chunk !== undefined; chunk = await this.chunk()) {
      this.position += chunk.length;
      yield chunk;
    }
  }

  /** Wants no more. */
  async close(): Promise<void> {
    this.ended = true;
    await this.chunks.return?.(undefined);
  }

  private async chunk(): Promise<Buffer | undefined> {
    if (this.ended) return undefined;
    const next = await this.chunks.next();
    if (next.done === true) {
      this.ended = true;
      return undefined;
    }
    const { buffer, byteOffset, byteLength } = next.value;
    return Buffer.from(buffer, byteOffset, byteLength);
  }
}

/** The next `size` bytes of a source as a source of its own. */
export class PartSource implements Pieces {
  private readonly source: Pieces;
  left: number;

  constructor(source: Pieces, size: number) {
    this.source = source;
    this.left = size;
  }

  async take(size: number): Promise<Buffer> {
    const bytes = await this.source.take(Math.min(size, this.left));
    this.left -= bytes.length;
    return bytes;
  }

  unread(bytes: Buffer): void {
    this.source.unread(bytes);
    this.left += bytes.length;
  }
}
