import { type PayloadDamage, type PayloadLayer, ratioFloor } from './layer.ts';

/** Bounds what a payload may grow to: a few compressed bytes can stand for very many. */
export class Budget {
  private readonly layer: PayloadLayer;
  private decoded = 0;
  /** Why no more may come. */
  spent: PayloadDamage | undefined = undefined;

  constructor(layer: PayloadLayer) {
    this.layer = layer;
  }

  /** The part of a piece that may pass; `compressed`: how many bytes it and all before it were made from. */
  admit(piece: Buffer, compressed: number): Buffer {
    const { maxBytes, maxRatio } = this.layer;
    const room = maxBytes - this.decoded;
    this.decoded += piece.length;
    if (piece.length > room) {
      this.spend(`more than ${maxBytes} bytes (limits.decoded_bytes of the profile)`);
      return piece.subarray(0, room);
    }
    if (this.decoded > ratioFloor && this.decoded > compressed * maxRatio)
      this.spend(`more than ${maxRatio} times its compressed size (limits.decoded_ratio of the profile)`);
    return piece;
  }

  private spend(what: string): void {
    this.spent = {
      reason: 'decoded_too_large',
      message: `The compressed payload holds ${what}. The rest is not read.`,
    };
  }
}
