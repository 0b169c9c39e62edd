import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leafHash, merkleRoot, sha256Hex } from './hash.ts';

// The reference leaves and roots of RFC 6962's implementation (certificate-transparency, merkletree test data).
const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** RFC 6962, section 2.1, word for word. */
function rootByDefinition(hashes: readonly Uint8Array[]): Buffer {
  if (hashes.length === 0) return Buffer.from(sha256Hex(''), 'hex');
  if (hashes.length === 1) return Buffer.from(hashes[0]!);
  let k = 1;
  while (k * 2 < hashes.length) k *= 2;
  const node = [Buffer.from([1]), rootByDefinition(hashes.slice(0, k)), rootByDefinition(hashes.slice(k))];
  return Buffer.from(sha256Hex(Buffer.concat(node)), 'hex');
}

describe('merkleRoot', () => {
  test.each(roots.map((root, n) => ({ n, root })))('of $n reference leaves is the published root', ({ n, root }) => {
    const hashes = leaves.slice(0, n).map((leaf) => leafHash(Buffer.from(leaf, 'hex')));
    expect(merkleRoot(hashes).toString('hex')).toBe(root);
  });

  test('equals the definition for any number of leaves', () => {
    const digests = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 200 });
    fc.assert(
      fc.property(digests, (hashes) => {
        expect(merkleRoot(hashes)).toEqual(rootByDefinition(hashes));
      }),
    );
  });

  test('does not change its input', () => {
    const hashes = leaves.map((leaf) => leafHash(leaf));
    const before = hashes.map((hash) => hash.toString('hex'));
    merkleRoot(hashes);
    expect(hashes.map((hash) => hash.toString('hex'))).toEqual(before);
  });
});

describe('leafHash', () => {
  test('separates leaves from nodes', () => {
    const [left, right] = [leafHash('a'), leafHash('b')];
    expect(leafHash(Buffer.concat([left, right]))).not.toEqual(merkleRoot([left, right]));
  });

  test('takes text as UTF-8', () => {
    expect(leafHash('é')).toEqual(leafHash(Buffer.from([0xc3, 0xa9])));
  });
});
