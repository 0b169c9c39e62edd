// The form of an API key: `chk_`, 32 random bytes, and a checksum of them, so that a mistyped key is refused
// without asking the store, and a scanner can tell a leaked key from chance.
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const form = /^chk_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/;

/** A new secret: 256 random bits. */
export function newSecret(): string {
  const random = randomBytes(32).toString('base64url');
  return `chk_${random}${checksum(random)}`;
}

/** True when the text has the form of a key and its checksum holds; says nothing about whether the key exists. */
export function isWellFormed(secret: string): boolean {
  const match = form.exec(secret);
  return match !== null && checksum(match[1]!) === match[2];
}

function checksum(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(`chk_${text}`));
  return bytes.toString('base64url');
}
