import { hash } from 'node:crypto';

/**
 * A batch's leaves: the record hashes (32 bytes each) in byte order, concatenated. Sorting runs on doubles that hold 39 bits of the hash and
 * the record's index, because sorting numbers is native and sorting bytes is not; equal prefixes are settled by the whole hash.
 */
export function sortedLeaves(hashes: Uint8Array): Buffer {
  const bytes = Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength);
  const count = bytes.length / 32;
  const order = count <= 16_384 ? byPrefix(bytes, count) : byBytes(bytes, count);
  const leaves = Buffer.allocUnsafe(bytes.length);
  for (let i = 0; i < count; i++) bytes.copy(leaves, 32 * i, 32 * order[i]!, 32 * order[i]! + 32);
  return leaves;
}

function byPrefix(bytes: Buffer, count: number): Uint32Array {
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = Math.floor(bytes.readUIntBE(32 * i, 5) / 2) * 16_384 + i;
  keys.sort();
  const order = new Uint32Array(count);
  for (let n = 0; n < count; n++) {
    const next = keys[n]! % 16_384;
    let at = n;
    for (; at > 0 && compareAt(bytes, order[at - 1]!, next) > 0; at--) order[at] = order[at - 1]!;
    order[at] = next;
  }
  return order;
}

function byBytes(bytes: Buffer, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => compareAt(bytes, a, b));
}

function compareAt(bytes: Buffer, a: number, b: number): number {
  // The first four bytes tell nearly all apart, and need no call out of JavaScript.
  const first = bytes.readUInt32BE(32 * a) - bytes.readUInt32BE(32 * b);
  return first === 0 ? bytes.compare(bytes, 32 * b, 32 * b + 32, 32 * a, 32 * a + 32) : first;
}

/** RFC 6962 root over sorted leaves of 32 bytes: what kit's merkleRoot gives for their leaf hashes, without a buffer for each node. */
export function rootOfLeaves(leaves: Buffer): string {
  let count = leaves.length / 32;
  if (count === 0) return hash('sha256', '', 'hex');
  const level = Buffer.allocUnsafe(leaves.length);
  const leaf = Buffer.alloc(33);
  for (let i = 0; i < count; i++) {
    leaves.copy(leaf, 1, 32 * i, 32 * i + 32);
    // latin1 text is the cheapest way to get digest bytes out.
    level.write(hash('sha256', leaf, 'latin1'), 32 * i, 'latin1');
  }
  const node = Buffer.alloc(65, 1);
  for (; count > 1; count = (count + 1) >> 1) {
    for (let i = 0; i + 1 < count; i += 2) {
      level.copy(node, 1, 32 * i, 32 * i + 64);
      level.write(hash('sha256', node, 'latin1'), 16 * i, 'latin1');
    }
    if (count % 2 === 1) level.copyWithin(16 * (count - 1), 32 * (count - 1), 32 * count);
  }
  return level.toString('hex', 0, 32);
}
