import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChartlyError } from '#kit';
import { parsePostgresUrl } from './postgres-url.ts';

describe('the URL of a PostgreSQL server', () => {
  it('is read with its defaults', () => {
    expect(parsePostgresUrl('postgres://me@db.example.org')).toEqual({
      host: 'db.example.org',
      port: 5432,
      database: 'me',
      user: 'me',
      password: undefined,
      ssl: false,
      enableChannelBinding: false,
      name: 'db.example.org:5432/me',
    });
    expect(parsePostgresUrl('postgresql://[::1]:6000/d')).toMatchObject({ host: '::1', name: '[::1]:6000/d' });
    expect(parsePostgresUrl('postgres:///d?host=/run/pg&port=6000&user=me')).toMatchObject({
      host: '/run/pg',
      port: 6000,
      user: 'me',
    });
  });

  it('encrypts and checks as far as it says', () => {
    const ssl = (query: string): unknown => parsePostgresUrl(`postgres://u@h/d?${query}`).ssl;
    expect(ssl('sslmode=disable')).toBe(false);
    expect(ssl('sslmode=require')).toMatchObject({ rejectUnauthorized: false });
    expect(ssl('sslmode=verify-ca')).toMatchObject({
      rejectUnauthorized: true,
      checkServerIdentity: expect.anything(),
    });
    expect(ssl('sslmode=verify-full')).not.toHaveProperty('checkServerIdentity');
    expect(ssl(`sslmode=require&sslrootcert=${import.meta.filename}`)).toMatchObject({ rejectUnauthorized: true });
  });

  it('keeps every character of user, password and database', () => {
    const word = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(word, word, word, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent);
        // A URL has no path of dots.
        fc.pre(!/^\.{1,2}$/.test(database));
        expect(parsePostgresUrl(`postgres://${u}:${p}@h/${d}`)).toMatchObject({ user, password, database });
      }),
    );
  });

  it.each([
    ['mysql://u:secret-word@h/d', 'is not a URL such as'],
    ['h/d', 'is not a URL such as'],
    ['postgres://u:secret-word@/d', 'is not a URL such as'],
    ['postgres:///d', 'names no host'],
    ['postgres://h', 'names no database'],
    ['postgres://u:secret-word@h/d?sslmode=prefer', 'sslmode that is none of'],
    ['postgres://u:secret-word@h/d?pool=4', 'not known: pool'],
    ['postgres://u:secret-word@h/d?port=0', 'a port that is none'],
    ['postgres://u:secret-word%@h/d', 'write %25'],
    ['postgres://u:secret-word@h/d?sslmode=require&sslrootcert=/nowhere', 'sslrootcert that cannot be read'],
  ])('%s is refused, without repeating it', (url, message) => {
    const error = refusal(url);
    expect(error.code).toBe('config_invalid');
    expect(error.message).toContain(message);
    expect(JSON.stringify([error.message, error.action, String(error.cause)])).not.toContain('secret-word');
  });
});

function refusal(url: string): ChartlyError {
  try {
    parsePostgresUrl(url);
  } catch (error) {
    if (error instanceof ChartlyError) return error;
  }
  throw new Error('it was not refused');
}
