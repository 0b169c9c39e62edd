import { hash, hkdfSync } from 'node:crypto';
import { seal, unseal } from '#kit';

/** HMAC-SHA-256 of a text, lower case hexadecimal. */
export type KeyedHash = (text: string) => string;

const block = 64;

/** HMAC (RFC 2104) by two one-shot hashes: an Hmac object for each value costs several times as much. `key`: at most 64 bytes. */
export function keyedHash(key: Uint8Array): KeyedHash {
  let inner = Buffer.alloc(block + 192, 0x36);
  const outer = Buffer.alloc(block + 32, 0x5c);
  for (let i = 0; i < key.length; i++) {
    inner[i]! ^= key[i]!;
    outer[i]! ^= key[i]!;
  }
  return (text) => {
    // A character of UTF-16 takes at most three bytes of UTF-8.
    if (inner.length < block + 3 * text.length) {
      const longer = Buffer.alloc(block + 3 * text.length);
      inner.copy(longer, 0, 0, block);
      inner = longer;
    }
    const length = inner.write(text, block);
    outer.write(hash('sha256', inner.subarray(0, block + length), 'latin1'), block, 'latin1');
    return hash('sha256', outer, 'hex');
  };
}

/** What a tenant's secret is used for, each purpose with a key of its own. */
export interface TenantKeys {
  recordId: KeyedHash;
  hash: KeyedHash;
  token: KeyedHash;
  /** Names a subject without saying who it is: 32 hexadecimal characters. */
  subject: (text: string) => string;
  /** For tokens of no subject. */
  vault: SubjectCipher;
}

export function tenantKeys(secret: Uint8Array): TenantKeys {
  const subject = keyedHash(derived(secret, 'subject'));
  return {
    recordId: keyedHash(derived(secret, 'record id')),
    hash: keyedHash(derived(secret, 'hash')),
    token: keyedHash(derived(secret, 'token')),
    subject: (text) => subject(text).slice(0, 32),
    vault: subjectCipher(derived(secret, 'vault')),
  };
}

function derived(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `chartly policy ${purpose}`, 32));
}

export interface SubjectCipher {
  /** The same text and context give the same bytes, so that a replay writes the same rows. Base64url. */
  encrypt(text: string, context: string): string;
  /** Undefined when it was not encrypted by this key in this context. */
  decrypt(sealed: string, context: string): string | undefined;
}

/** AES-256-GCM with a nonce made of the text itself (a synthetic one), by keys derived from one of 32 bytes. */
export function subjectCipher(key: Uint8Array): SubjectCipher {
  // HKDF's second half alone: the key is random already, and there are as many as subjects.
  const expand = keyedHash(key);
  const encryption = Buffer.from(expand('chartly policy encryption\u0001'), 'hex');
  const nonceOf = keyedHash(Buffer.from(expand('chartly policy nonce\u0001'), 'hex'));
  return {
    encrypt(text, context) {
      const nonce = Buffer.from(nonceOf(`${context.length}:${context}${text}`).slice(0, 24), 'hex');
      return seal(encryption, Buffer.from(text), context, nonce).toString('base64url');
    },
    decrypt: (sealed, context) => unseal(encryption, Buffer.from(sealed, 'base64url'), context)?.toString(),
  };
}
