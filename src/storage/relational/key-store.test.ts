import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyStore, type KeyStore } from './key-store.ts';
import { openTestRelational } from './testing.ts';
import type { Relational } from './port.ts';

let dir: string;
let relational: Relational;
let keys: KeyStore;
const master = randomBytes(32);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'chartly-keys-'));
  relational = await openTestRelational(dir);
  await relational.migrate();
  keys = createKeyStore({ relational, masterKey: async () => master });
});
afterAll(async () => {
  await relational.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('key store', () => {
  it('makes a secret of each tenant once, also when asked twice at once, and stores it wrapped', async () => {
    const [first, again] = await Promise.all([keys.tenantSecret('a'), keys.tenantSecret('a')]);
    expect(first).toHaveLength(32);
    expect(again).toEqual(first);
    expect(await keys.tenantSecret('b')).not.toEqual(first);
    const stored = JSON.stringify(await relational.query('select * from tenant_key'));
    for (const form of ['hex', 'base64'] as const) expect(stored).not.toContain(first.toString(form));
  });

  it('gives each subject of each tenant one key, in the order asked', async () => {
    const [x, y, again] = await keys.subjectKeys('a', ['x', 'y', 'x']);
    expect(again).toEqual(x);
    expect(y).not.toEqual(x);
    expect(await keys.subjectKeys('a', ['y', 'x'])).toEqual([y, x]);
    expect(await keys.subjectKeys('b', ['x'])).not.toEqual([x]);
    expect(await keys.subjectKey('a', 'x')).toEqual(x);
    expect(await keys.subjectKey('a', 'nobody')).toBeUndefined();
    expect(await keys.subjectKeys('a', [])).toEqual([]);
  });

  it('destroys a key for good, with what the tokens of the subject stand for', async () => {
    await keys.subjectKeys('a', ['gone', 'stays']);
    await keys.keepTokens('a', [
      { token: 't', subject: 'gone', sealed: '1' },
      { token: 't', subject: 'stays', sealed: '2' },
    ]);
    await keys.keepTokens('a', [{ token: 't', subject: 'stays', sealed: '3' }]);
    expect(await keys.shred('a', 'gone')).toBe(true);
    expect(await keys.shred('a', 'gone')).toBe(false);
    const [gone, stays] = await keys.subjectKeys('a', ['gone', 'stays']);
    expect(gone).toBeUndefined();
    expect(stays).toHaveLength(32);
    expect(await keys.tokens('a', 't')).toEqual([{ token: 't', subject: 'stays', sealed: '2' }]);
    const rows = await relational.query(`select wrapped, shredded_at from subject_key where subject = 'gone'`);
    expect(rows).toEqual([{ wrapped: null, shredded_at: expect.any(String) }]);
  });

  it('gives no key to one who was erased before there was any', async () => {
    expect(await keys.shred('a', 'never')).toBe(false);
    expect(await keys.subjectKeys('a', ['never'])).toEqual([undefined]);
  });

  it('says so when the master key is another one', async () => {
    await keys.tenantSecret('a');
    const other = createKeyStore({ relational, masterKey: async () => randomBytes(32) });
    await expect(other.tenantSecret('a')).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
