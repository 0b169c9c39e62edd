import { hash, randomBytes } from 'node:crypto';

/** A time-ordered UUID (RFC 9562, version 7). */
export function newUuid(nowMs: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/**
 * A 128-bit id that is a function of its parts alone: the first half of SHA-256 over the parts, each after its
 * length, so that ["a", "bc"] and ["ab", "c"] differ whatever characters they hold. Lower case hexadecimal.
 */
export function shortId(parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return hash('sha256', text, 'hex').slice(0, 32);
}
