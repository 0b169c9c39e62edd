import { expect, it } from 'vitest';
import { createRemotes } from './remotes.ts';
import { readConfig } from './config.ts';
import { calledElsewhere, everyRole, isWhole, parseRoles } from './roles.ts';
import { canonicalPassword, readServiceSecret } from './service-secret.ts';
import { silentLogger } from '#kit';

const postgres = { CHARTLY_POSTGRES_URL: 'postgres://db' };
const secret = 'a-secret-of-the-tests-of-32-chars';

it('reads roles in their order, and refuses unknown ones', () => {
  expect(parseRoles('audit, auth,audit')).toEqual(['auth', 'audit']);
  expect(isWhole(parseRoles(everyRole.join(',')))).toBe(true);
  expect(() => parseRoles('audit,foo')).toThrow(expect.objectContaining({ code: 'usage' }));
});

it('knows what a process calls elsewhere', () => {
  expect(calledElsewhere(['normalizer'])).toEqual(['audit']);
  expect(calledElsewhere(['orchestrator', 'audit'])).toEqual(['connector-hub', 'normalizer', 'analytics']);
  expect(calledElsewhere(everyRole)).toEqual([]);
});

it('refuses a part without PostgreSQL, without a secret, and without the addresses of what it calls', async () => {
  expect(() => readConfig({}, { roles: ['auth'] })).toThrow(/PostgreSQL/);
  const config = readConfig(postgres, { roles: ['auth'] });
  await expect(readServiceSecret({}, config)).rejects.toMatchObject({ code: 'config_invalid' });
  await expect(readServiceSecret({ CHARTLY_SERVICE_SECRET: 'short' }, config)).rejects.toThrow(/32 characters/);
  expect(await readServiceSecret({ CHARTLY_SERVICE_SECRET: '${env:S}', S: secret }, config)).toBe(secret);
  expect(() => createRemotes(config, secret, silentLogger)).toThrow(
    expect.objectContaining({ code: 'config_invalid', action: expect.stringContaining('CHARTLY_AUDIT_URL') as string }),
  );
  const urls = { CHARTLY_AUDIT_URL: 'http://a:1/, http://b:2' };
  const complete = readConfig({ ...postgres, ...urls }, { roles: ['auth'] });
  expect(complete.serviceUrls).toEqual({ audit: ['http://a:1', 'http://b:2'] });
  createRemotes(complete, secret, silentLogger);
  expect(() => readConfig({ CHARTLY_AUDIT_URL: 'a:1' })).toThrow(/CHARTLY_AUDIT_URL/);
  // Alone, nothing of all this is needed.
  expect(await readServiceSecret({}, readConfig({}))).toBeUndefined();
});

it('derives the password of the shared engine from the secret, which it does not tell', () => {
  expect(canonicalPassword(secret)).toBe(canonicalPassword(secret));
  expect(canonicalPassword(secret)).not.toBe(canonicalPassword(`${secret}x`));
  expect(canonicalPassword(secret)).not.toContain(secret);
});
