import { hash } from 'node:crypto';

/** SHA-256 of bytes or UTF-8 text, lower case hexadecimal. */
export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}

const leafPrefix = Buffer.from([0]);
const nodePrefix = Buffer.from([1]);

/** RFC 6962 leaf hash: SHA-256(0x00 || data). */
export function leafHash(data: string | Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([leafPrefix, typeof data === 'string' ? Buffer.from(data) : data]), 'buffer');
}

/** RFC 6962 Merkle tree root over leaf hashes, in their order; SHA-256 of nothing when there are none. */
export function merkleRoot(leaves: readonly Uint8Array[]): Buffer {
  if (leaves.length === 0) return hash('sha256', '', 'buffer');
  let level = leaves;
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) {
      next.push(hash('sha256', Buffer.concat([nodePrefix, level[i]!, level[i + 1]!]), 'buffer'));
    }
    // An odd last node moves up unchanged: this gives RFC 6962's split at the largest power of two.
    if (level.length % 2 === 1) next.push(level.at(-1)!);
    level = next;
  }
  return Buffer.from(level[0]!);
}
