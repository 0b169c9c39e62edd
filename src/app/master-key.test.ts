import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMasterKey } from './master-key.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'chartly-master-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('master key', () => {
  it('is made once in a file that only its owner can read', async () => {
    const key = await createMasterKey({}, join(dir, 'data'))();
    expect(key).toHaveLength(32);
    const path = join(dir, 'data', 'master.key');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(Buffer.from(readFileSync(path, 'utf8'), 'base64')).toEqual(key);
    expect(await createMasterKey({}, join(dir, 'data'))()).toEqual(key);
  });

  it('is taken from the variable: itself, or what it refers to', async () => {
    const key = randomBytes(32);
    writeFileSync(join(dir, 'k'), `${key.toString('hex')}\n`);
    const values = [key.toString('base64'), key.toString('hex'), '${env:OTHER}', `\${file:${join(dir, 'k')}}`];
    for (const value of values) {
      const env = { CHARTLY_MASTER_KEY: value, OTHER: key.toString('base64url') };
      expect(Buffer.from(await createMasterKey(env, dir)()), value.slice(0, 6)).toEqual(key);
    }
    expect(() => statSync(join(dir, 'master.key'))).toThrow('ENOENT');
  });

  it('is refused when it is no key, without being repeated', async () => {
    const wrong = 'hunter2hunter2';
    const refused = createMasterKey({ CHARTLY_MASTER_KEY: wrong }, dir)();
    await expect(refused).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.not.stringContaining(wrong),
    });
    const nothing = createMasterKey({ CHARTLY_MASTER_KEY: '${env:NOWHERE}' }, dir)();
    await expect(nothing).rejects.toMatchObject({ code: 'secret_missing' });
  });
});
