import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDetect } from './detect.ts';
import { maskValue, redacted } from './hide.ts';
import { keyedHash, subjectCipher, tenantKeys } from './keyed.ts';
import { encryptedText, isToken, readEncrypted, tokenOf } from './sealed.ts';

const detect = createDetect();

const anyText = fc.array(fc.nat({ max: 0xffff }), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes));

describe('mask', () => {
  it.each([
    ['ada@example.org', 4, '***@example.org'],
    ['ada@example.org', 0, '***'],
    ['4111 1111 1111 1234', 4, '***1234'],
    ['4111 1111 1111 1234', 2, '***34'],
    ['536-90-4399', 4, '***99'],
    ['Ada', 4, '***'],
    ['', 4, '***'],
    ['mail ada@example.org', 4, '***eorg'],
    ['日本語のテキストです', 4, '***です'],
  ])('%s keeping %i: %s', (text, keep, masked) => expect(maskValue(text, keep, detect)).toBe(masked));

  it('never shows more than a quarter, nor more than asked, but for a domain', () => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 4 }), (text, keep) => {
        const masked = maskValue(text, keep, detect);
        expect(masked.startsWith('***')).toBe(true);
        const shown = Array.from(masked.slice(3)).length;
        if (masked[3] === '@') expect(text.endsWith(masked.slice(3))).toBe(true);
        else expect(shown).toBeLessThanOrEqual(Math.min(keep, Array.from(text).length / 4));
      }),
    );
  });
});

describe('redact', () => {
  it('replaces what was found, and leaves the rest', () => {
    const text = 'Write to a@b.org or c@d.org from 8.8.8.8.';
    expect(redacted(text, detect(text), detect)).toBe('Write to [email] or [email] from [ip].');
  });

  it('leaves nothing that would be found', () => {
    const bits = fc.constantFrom('a@b.org', '8.8.8.8', '4111111111111111', ' ', 'x', '-', '.', '+4930901820', '1');
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        expect(detect(redacted(text, detect(text), detect))).toEqual([]);
      }),
    );
  });
});

describe('keyed hash', () => {
  it('is HMAC-SHA-256, whatever the length of the text', () => {
    const key = randomBytes(32);
    const keyed = keyedHash(key);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme', minLength: 300, maxLength: 500 })), (text) => {
        expect(keyed(text)).toBe(createHmac('sha256', key).update(text).digest('hex'));
        expect(keyed(text)).toBe(keyed(text));
      }),
    );
  });

  it('is another one for each purpose and tenant', () => {
    const [a, b] = [tenantKeys(randomBytes(32)), tenantKeys(randomBytes(32))];
    const all = [a.hash('x'), a.token('x'), a.recordId('x'), a.subject('x'), b.hash('x'), b.subject('x')];
    expect(new Set(all.map((text) => text.slice(0, 32))).size).toBe(all.length);
  });
});

describe('subject cipher', () => {
  const key = randomBytes(32);

  it('gives back the text, the same bytes for the same text, and nothing to others', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const cipher = subjectCipher(key);
        const sealed = cipher.encrypt(text, 'value');
        expect(subjectCipher(key).encrypt(text, 'value')).toBe(sealed);
        expect(cipher.decrypt(sealed, 'value')).toBe(text);
        expect(cipher.decrypt(sealed, 'token')).toBeUndefined();
        expect(subjectCipher(randomBytes(32)).decrypt(sealed, 'value')).toBeUndefined();
        expect(cipher.encrypt(`${text}.`, 'value').slice(0, 16)).not.toBe(sealed.slice(0, 16));
      }),
    );
  });

  it('is written so that its key can be found again', () => {
    const { subject } = tenantKeys(key);
    const sealed = subjectCipher(key).encrypt('', 'value');
    expect(readEncrypted(encryptedText(subject('ada'), sealed))).toEqual({ subject: subject('ada'), sealed });
    expect(readEncrypted('enc1.x.y')).toBeUndefined();
    expect(isToken(tokenOf(tenantKeys(key).token('x')))).toBe(true);
    expect(isToken('tok_')).toBe(false);
  });
});
