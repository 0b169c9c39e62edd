import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAudit, type Audit } from '#audit';
import { sha256Hex, silentLogger, type ChartlyError } from '#kit';
import { createFileBlobStore, openTestRelational, type CanonicalStore, type Relational } from '#storage';
import { createAuth, type Action, type Auth, type Role } from './index.ts';
import { isWellFormed, newSecret } from './secret.ts';

let dir: string;
let relational: Relational;
let audit: Audit;
let now = Date.parse('2025-03-01T12:00:00.000Z');
const clock = { now: () => now };
const newAuth = (): Auth => createAuth({ relational, audit, clock });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-auth-'));
  relational = await openTestRelational(join(dir, 'pg'));
  await relational.migrate();
  const blobs = createFileBlobStore({ dir: join(dir, 'blobs') });
  // Keys are no records: appending to the ledger asks nothing of the canonical plane.
  audit = createAudit({ relational, blobs, canonical: {} as CanonicalStore, clock, logger: silentLogger });
});
afterAll(async () => {
  await relational.close();
  await rm(dir, { recursive: true, force: true });
});

const actions = async (tenantId: string): Promise<string[]> =>
  (await audit.entries(tenantId, { limit: 1000 })).map(
    ({ entry }) => `${entry.action} ${entry.resource} by ${entry.actor}`,
  );

describe('keys', () => {
  it('authenticate as the tenant and role they were made for, and only their digest is stored', async () => {
    const auth = newAuth();
    const { key, secret } = await auth.createKey('acme', 'cli', { name: ' CI ', role: 'operator' });
    expect(await auth.authenticate(secret)).toEqual({
      tenantId: 'acme',
      keyId: key.keyId,
      name: 'CI',
      role: 'operator',
    });
    const stored = await relational.query('select * from api_key where key_id = $1', [key.keyId]);
    expect(stored).toHaveLength(1);
    expect(stored[0]!.secret_hash).toBe(sha256Hex(secret));
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(await auth.listKeys('acme')).toEqual([key]);
    expect(await auth.listKeys('other')).toEqual([]);
    expect(await actions('acme')).toEqual([`key.created key:${key.keyId} by cli`]);
  });

  it('are refused with one text, whatever is wrong with them', async () => {
    const auth = newAuth();
    const { key, secret } = await auth.createKey('acme', 'cli', { name: 'x', role: 'viewer' });
    await auth.revokeKey('acme', 'key:1', key.keyId);
    const texts = new Set<string>();
    for (const bad of ['', 'chk_', newSecret(), `${secret} `, secret.slice(1), secret]) {
      const error = await auth.authenticate(bad).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'unauthorized' });
      texts.add((error as Error).message);
    }
    expect(texts.size).toBe(1);
  });

  it('cannot be revoked by another tenant, and a second revocation changes nothing', async () => {
    const auth = newAuth();
    const { key, secret } = await auth.createKey('revoking', 'cli', { name: 'x', role: 'viewer' });
    await expect(auth.revokeKey('acme', 'cli', key.keyId)).rejects.toMatchObject({ code: 'not_found' });
    await auth.authenticate(secret);
    await auth.revokeKey('revoking', 'cli', key.keyId);
    await auth.revokeKey('revoking', 'cli', key.keyId);
    await expect(auth.authenticate(secret)).rejects.toMatchObject({ code: 'unauthorized' });
    expect((await actions('revoking')).filter((action) => action.startsWith('key.revoked'))).toHaveLength(1);
    expect((await auth.listKeys('revoking'))[0]!.revokedAt).toBe(new Date(now).toISOString());
  });

  it('revoked elsewhere are refused within five seconds', async () => {
    const [here, elsewhere] = [newAuth(), newAuth()];
    const { key, secret } = await elsewhere.createKey('acme', 'cli', { name: 'x', role: 'viewer' });
    await here.authenticate(secret);
    await elsewhere.revokeKey('acme', 'cli', key.keyId);
    now += 4_999;
    await expect(here.authenticate(secret)).resolves.toMatchObject({ keyId: key.keyId });
    now += 1;
    await expect(here.authenticate(secret)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('are asked of the store once while the answer is fresh', async () => {
    let queries = 0;
    const counting: Relational = {
      ...relational,
      engine: relational.engine,
      query: async (text, params) => {
        queries++;
        return relational.query(text, params);
      },
    };
    const auth = createAuth({ relational: counting, audit, clock });
    const { secret } = await auth.createKey('acme', 'cli', { name: 'x', role: 'viewer' });
    for (let n = 0; n < 10; n++) await auth.authenticate(secret);
    expect(queries).toBe(1);
    await expect(auth.authenticate('chk_mistyped')).rejects.toMatchObject({ code: 'unauthorized' });
    expect(queries).toBe(1);
  });

  it('and their ledger entry commit together or not at all', async () => {
    const broken: Audit = { ...audit, append: () => Promise.reject(new Error('no ledger')) };
    const auth = createAuth({ relational, audit: broken, clock });
    await expect(auth.createKey('atomic', 'cli', { name: 'x', role: 'viewer' })).rejects.toThrow('no ledger');
    expect(await auth.listKeys('atomic')).toEqual([]);
    const { key } = await newAuth().createKey('atomic', 'cli', { name: 'x', role: 'viewer' });
    await expect(auth.revokeKey('atomic', 'cli', key.keyId)).rejects.toThrow('no ledger');
    expect((await auth.listKeys('atomic'))[0]!.revokedAt).toBeUndefined();
  });

  it('need a name and a known role', async () => {
    const auth = newAuth();
    await expect(auth.createKey('acme', 'cli', { name: ' ', role: 'root' as Role })).rejects.toMatchObject({
      code: 'validation_failed',
      details: [{ pointer: '/name' }, { pointer: '/role' }],
    });
  });
});

describe('the form of a secret', () => {
  it('holds, and any one character changed breaks it', () => {
    fc.assert(
      fc.property(fc.nat(52), fc.constantFrom('a', 'Z', '0', '9', '-', '_', ' ', '+', '\n'), (at, other) => {
        const secret = newSecret();
        expect(isWellFormed(secret)).toBe(true);
        const changed = secret.slice(0, at) + other + secret.slice(at + 1);
        expect(isWellFormed(changed)).toBe(changed === secret);
      }),
    );
    expect(isWellFormed(`${newSecret()}\n`)).toBe(false);
  });

  it('takes no two alike', () => {
    expect(new Set(Array.from({ length: 1000 }, newSecret)).size).toBe(1000);
  });
});

describe('roles', () => {
  const allowed: Record<Role, Action[]> = {
    viewer: ['read'],
    operator: ['read', 'operate'],
    admin: ['read', 'operate', 'administer'],
  };
  const principal = (role: string) => ({ tenantId: 't', keyId: 'k', name: 'n', role: role as Role });

  it.each(Object.keys(allowed) as Role[])('%s may do what it says and no more', (role) => {
    const auth = newAuth();
    const may = (action: Action): boolean => {
      try {
        auth.authorize(principal(role), action);
        return true;
      } catch (error) {
        if ((error as ChartlyError).code === 'forbidden') return false;
        throw error;
      }
    };
    expect((['read', 'operate', 'administer'] as const).filter(may)).toEqual(allowed[role]);
  });

  it.each(['', 'root', 'toString', '__proto__'])('nothing is allowed to the unknown role %j', (role) => {
    for (const action of ['read', 'delete'] as Action[]) {
      expect(() => newAuth().authorize(principal(role), action)).toThrow(
        expect.objectContaining({ code: 'forbidden' }),
      );
    }
  });
});
