import { hash } from 'node:crypto';

/**
 * A batch's leaves: the record hashes (32 bytes each) in byte order, concatenated. Sorting runs on doubles that hold 39 bits of the hash and
 * the record's index, because sorting numbers is native and sorting texts is not; equal prefixes are settled by the whole hash.
 */
export function sortedLeaves(hashes: readonly string[]): Buffer {
  const order = hashes.length <= 16_384 ? byPrefix(hashes) : hashes.toSorted();
  const leaves = Buffer.allocUnsafe(32 * order.length);
  for (let i = 0; i < order.length; i++) leaves.write(order[i]!, 32 * i, 'hex');
  return leaves;
}

function byPrefix(hashes: readonly string[]): string[] {
  const keys = new Float64Array(hashes.length);
  for (let i = 0; i < hashes.length; i++) {
    const high = Number.parseInt(hashes[i]!.slice(0, 10), 16);
    keys[i] = Math.floor(high / 2) * 16_384 + i;
  }
  keys.sort();
  const order: string[] = [];
  for (const key of keys) {
    const next = hashes[key % 16_384]!;
    let at = order.length;
    for (; at > 0 && order[at - 1]! > next; at--) order[at] = order[at - 1]!;
    order[at] = next;
  }
  return order;
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
