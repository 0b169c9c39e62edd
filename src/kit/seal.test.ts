import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seal, unseal } from './seal.ts';

const key = randomBytes(32);

describe('seal', () => {
  it('gives back what was sealed, and nothing to another key, context or flipped byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), fc.nat(), (bytes, context, at) => {
        const sealed = seal(key, bytes, context);
        expect(unseal(key, sealed, context)).toEqual(Buffer.from(bytes));
        expect(sealed.length).toBe(bytes.length + 28);
        expect(unseal(randomBytes(32), sealed, context)).toBeUndefined();
        expect(unseal(key, sealed, `${context}x`)).toBeUndefined();
        sealed[at % sealed.length]! ^= 1;
        expect(unseal(key, sealed, context)).toBeUndefined();
      }),
    );
  });

  it('takes a new nonce each time, and refuses what is too short to be sealed', () => {
    expect(seal(key, Buffer.from('a'), '').equals(seal(key, Buffer.from('a'), ''))).toBe(false);
    expect(unseal(key, Buffer.alloc(27), '')).toBeUndefined();
  });
});
