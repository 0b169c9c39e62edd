import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSpool, part } from './spool.ts';

describe('a spool', () => {
  it('gives back what was written, from memory and from a file', () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(chunks, fc.nat({ max: 200 }), fc.nat(), fc.nat(), (parts, inMemory, a, b) => {
        const spool = createSpool(inMemory);
        for (const chunk of parts) spool.write(Buffer.from(chunk));
        const whole = Buffer.concat(parts);
        expect(spool.size).toBe(whole.length);
        const [start, end] = [a % (whole.length + 1), b % (whole.length + 1)].sort((x, y) => x - y) as [number, number];
        expect(Buffer.compare(spool.read(start, end), whole.subarray(start, end))).toBe(0);
        const inner = part(spool, start, end);
        expect(Buffer.compare(inner.read(0, inner.size), whole.subarray(start, end))).toBe(0);
        expect(() => spool.read(0, whole.length + 1)).toThrow(RangeError);
        expect(() => inner.read(0, inner.size + 1)).toThrow(RangeError);
        expect(() => spool.read(-1, 0)).toThrow(RangeError);
        spool.close();
      }),
      { numRuns: 200 },
    );
  });

  it('leaves no file behind, not even while it is open', () => {
    const dir = mkdtempSync(join(tmpdir(), 'chartly-spool-'));
    const before = process.env.TMPDIR;
    process.env.TMPDIR = dir;
    try {
      const spool = createSpool(1000);
      const bytes = randomBytes(5000);
      for (let at = 0; at < bytes.length; at += 700) spool.write(bytes.subarray(at, at + 700));
      expect(readdirSync(dir)).toEqual([]);
      expect(Buffer.compare(spool.read(10, 4990), bytes.subarray(10, 4990))).toBe(0);
      spool.close();
      expect(readdirSync(dir)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('says that there is no room where it cannot write', () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = '/nowhere/at/all';
    try {
      const spool = createSpool(10);
      expect(() => spool.write(Buffer.alloc(100))).toThrow(expect.objectContaining({ code: 'storage_unavailable' }));
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});
