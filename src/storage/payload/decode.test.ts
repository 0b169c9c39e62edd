import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePayload } from './decode.ts';
import { layerOf } from './layer.ts';
import { decoded, inChunks, zipOf } from './testing.ts';

const pack = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  zip: (bytes: Buffer) => zipOf([{ name: 'data.csv', content: bytes }]),
};
const each = Object.entries(pack);
const chunks = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });
const text = Buffer.from(Array.from({ length: 2000 }, (_, i) => `${i},${i * 7919}\n`).join(''));

describe.each(each)('%s', (compression, encode) => {
  it('gives back what was compressed, however it is cut, declared or seen from its bytes', async () => {
    const bytes = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 300 }), chunks, async (parts, times, sizes) => {
        const content = Buffer.concat(Array.from({ length: times }, () => parts).flat());
        const expected = { files: [content.toString('latin1')], damage: [] };
        expect(await decoded(encode(content), {}, sizes)).toEqual(expected);
        expect(await decoded(encode(content), { compression: compression as 'gzip' })).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  it('cut off anywhere, gives a beginning of what it holds and says that it is cut', async () => {
    const whole = encode(text.subarray(0, 600));
    for (let length = 5; length < whole.length; length++) {
      const { files, damage } = await decoded(whole.subarray(0, length), {}, [7]);
      expect(damage, String(length)).toEqual(['0 truncated']);
      expect(text.toString('latin1').startsWith(files[0]!)).toBe(true);
    }
  });

  it('ends, with damage or with all that it holds, whatever byte of it is changed', async () => {
    const whole = encode(text.subarray(0, 300));
    let unharmed = 0;
    for (let at = 0; at < whole.length; at++) {
      const harmed = Buffer.from(whole);
      harmed[at]! ^= 0x55;
      const { files, damage } = await decoded(harmed, { compression: compression as 'gzip', maxBytes: 1 << 20 });
      if (damage.length > 0) continue;
      unharmed++;
      // Bytes that mean nothing, as of a time or a comment.
      expect(files[0], String(at)).toBe(text.toString('latin1', 0, 300));
    }
    expect(unharmed).toBeLessThan(whole.length / 2);
  });

  it('reads all of the payload whatever it finds, so that its digest can be taken', async () => {
    for (const bytes of [
      encode(text),
      encode(text).subarray(0, 900),
      Buffer.concat([encode(text), Buffer.alloc(1e6, 7)]),
    ]) {
      let seen: string | undefined;
      const open = async function* () {
        const digest = createHash('sha256');
        for await (const chunk of inChunks(bytes, [1000])) {
          digest.update(chunk);
          yield chunk;
        }
        seen ??= digest.digest('hex');
      };
      for await (const _ of decodePayload(open, { ...layerOf({}), maxBytes: 1000 }));
      expect(seen).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('holds no more than the layer allows', async () => {
    const bomb = encode(Buffer.alloc(40 << 20));
    const capped = await decoded(bomb, { maxBytes: 1_000_000, maxRatio: 1e9 });
    expect(capped.damage).toEqual(['0 decoded_too_large']);
    expect(capped.files[0]).toHaveLength(1_000_000);
    const steep = await decoded(bomb);
    expect(steep.damage).toEqual(['0 decoded_too_large']);
    expect(steep.files[0]!.length).toBeLessThan(17 << 20);
    expect((await decoded(bomb, { maxRatio: 1e6 })).damage).toEqual([]);
  });

  it('is not undone when the layer says none', async () => {
    const whole = encode(text);
    expect(await decoded(whole, { compression: 'none' })).toEqual({ files: [whole.toString('latin1')], damage: [] });
  });

  it('that is declared, and is not there, is damage; an empty payload is empty', async () => {
    expect((await decoded(Buffer.from('a,b\n1,2\n'), { compression: compression as 'gzip' })).damage).toEqual([
      compression === 'zip' ? '0 truncated' : '0 parse_error',
    ]);
    expect(await decoded(Buffer.alloc(0), { compression: compression as 'gzip' })).toEqual({ files: [''], damage: [] });
  });

  it('takes only its own layer off', async () => {
    const inner = encode(text);
    expect(await decoded(encode(inner))).toEqual({ files: [inner.toString('latin1')], damage: [] });
  });
});

describe('a payload without compression', () => {
  it('passes as it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 9 }), chunks, async (bytes, sizes) => {
        const content = Buffer.concat([Buffer.from('P'), bytes]);
        fc.pre(!content.toString('latin1').startsWith('PK\x03\x04'));
        expect(await decoded(content, {}, sizes)).toEqual({ files: [content.toString('latin1')], damage: [] });
      }),
    );
  });
});

describe('a compression that is not read', () => {
  const tar = Buffer.alloc(2048);
  tar.write('data.csv');
  tar.write('ustar', 257);

  it.each([
    ['bzip2', Buffer.from('425a68393141592653590000', 'hex')],
    ['xz', Buffer.from('fd377a585a000004', 'hex')],
    ['7z', Buffer.from('377abcaf271c0004', 'hex')],
    ['RAR', Buffer.from('526172211a070100', 'hex')],
    ['tar', gzipSync(tar)],
    ['tar', zstdCompressSync(tar)],
  ])('is named: %s', async (name, bytes) => {
    for (const sizes of [[1], [1000]]) {
      expect(await decoded(bytes, {}, sizes)).toEqual({ files: [''], damage: ['0 archive_unreadable'] });
      const pieces = await Array.fromAsync(decodePayload(() => inChunks(bytes, sizes), layerOf({})));
      expect(pieces).toMatchObject([{ message: expect.stringContaining(name) }]);
    }
  });

  it('is not seen in a text that begins alike, nor when the profile says how it is', async () => {
    expect((await decoded(Buffer.from('BZh9,x\n1,2\n'))).damage).toEqual([]);
    expect((await decoded(gzipSync(tar), { compression: 'gzip' })).damage).toEqual([]);
  });
});

describe('several parts', () => {
  it('of gzip are one text; zero bytes may follow, other bytes are damage', async () => {
    const [a, b] = [gzipSync('first,'), gzipSync('second')];
    for (const sizes of [[1], [1000]]) {
      expect(await decoded(Buffer.concat([a, b]), {}, sizes)).toEqual({ files: ['first,second'], damage: [] });
      expect((await decoded(Buffer.concat([a, Buffer.alloc(20)]), {}, sizes)).damage).toEqual([]);
      for (const tail of ['x', 'more', '\0\0x', '\x1f\x8c'])
        expect(await decoded(Buffer.concat([a, Buffer.from(tail, 'latin1')]), {}, sizes)).toEqual({
          files: ['first,'],
          damage: ['0 parse_error'],
        });
    }
  });

  it('of gzip may have names, comments and extra fields', async () => {
    const plain = gzipSync('x');
    const header = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9]),
      Buffer.from(`${'n'.repeat(700)}\0note\0`),
      Buffer.from([1, 2]),
    ]);
    const whole = Buffer.concat([header, plain.subarray(10)]);
    for (const sizes of [[1], [300]]) expect((await decoded(whole, {}, sizes)).files).toEqual(['x']);
    for (let length = 3; length < whole.length; length++)
      expect((await decoded(whole.subarray(0, length))).damage).toEqual(['0 truncated']);
  });

  it('of zstd are one text; parts to be skipped are, other bytes are damage', async () => {
    const [a, b] = [zstdCompressSync('first,'), zstdCompressSync('second')];
    const skipped = Buffer.concat([Buffer.from('502a4d1803000000', 'hex'), Buffer.from('abc')]);
    for (const sizes of [[1], [1000]]) {
      const whole = Buffer.concat([skipped, a, skipped, b, skipped]);
      expect(await decoded(whole, {}, sizes)).toEqual({ files: ['first,second'], damage: [] });
      const { files, damage } = await decoded(Buffer.concat([a, Buffer.from('more')]), {}, sizes);
      expect({ files, damage }).toEqual({ files: ['first,'], damage: ['0 parse_error'] });
    }
  });
});
