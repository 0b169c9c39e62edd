import { randomBytes } from 'node:crypto';
import { ChartlyError, seal, unseal } from '#kit';
import type { Relational, Sql } from './port.ts';

/** Keys of policies, wrapped by the installation's master key. No key is ever logged or part of an error. */
export interface KeyStore {
  /** The tenant's secret, 32 bytes, from which its keys are derived; made on first use. */
  tenantSecret(tenantId: string): Promise<Buffer>;
  /**
   * The keys (32 bytes) of subjects, in the order given; made where there is none yet, undefined where one was destroyed. Subjects are
   * named by their keyed hash.
   */
  subjectKeys(tenantId: string, subjects: readonly string[]): Promise<(Buffer | undefined)[]>;
  /** The key of a subject; undefined when it never had one, or lost it. */
  subjectKey(tenantId: string, subject: string): Promise<Buffer | undefined>;
  /**
   * Destroys a subject's key, and what its tokens stand for: what was encrypted under it cannot be read again, and no key is made again.
   * Returns whether there was a key. Repeatable. `sql`: the transaction to do it in.
   */
  shred(tenantId: string, subject: string, sql?: Sql): Promise<boolean>;
  /** Keeps what tokens stand for, sealed; those known already stay. */
  keepTokens(tenantId: string, tokens: readonly KeptToken[]): Promise<void>;
  /** What a token stands for, once for each subject that has it. */
  tokens(tenantId: string, token: string): Promise<KeptToken[]>;
}

export interface KeptToken {
  token: string;
  /** Empty: sealed under the tenant's own key. */
  subject: string;
  /** Base64. */
  sealed: string;
}

/** `masterKey` gives 32 bytes, and is asked only when a key is needed. Errors of all calls: its own, `config_invalid` when it is not the one that wrapped the keys. */
export function createKeyStore({
  relational,
  masterKey,
}: {
  relational: Relational;
  masterKey: () => Promise<Uint8Array>;
}): KeyStore {
  const contextOf = (tenantId: string, subject: string): string => `chartly key ${tenantId} ${subject}`;

  async function wrap(key: Uint8Array, context: string): Promise<string> {
    return seal(await masterKey(), key, context).toString('base64');
  }
  async function unwrap(wrapped: string, context: string): Promise<Buffer> {
    const key = unseal(await masterKey(), Buffer.from(wrapped, 'base64'), context);
    if (key !== undefined) return key;
    throw new ChartlyError(
      'config_invalid',
      'The master key is not the one that the keys of this installation were wrapped with.',
      {
        action:
          'Set CHARTLY_MASTER_KEY, or the file master.key in the data directory, to the key that this data was written with.',
      },
    );
  }
  async function known(tenantId: string, subjects: readonly string[]): Promise<Map<string, string | null>> {
    const rows = await relational.query<{ subject: string; wrapped: string | null }>(
      'select subject, wrapped from subject_key where tenant_id = $1 and subject = any($2::text[])',
      [tenantId, subjects],
    );
    return new Map(rows.map(({ subject, wrapped }) => [subject, wrapped]));
  }

  return {
    async tenantSecret(tenantId) {
      const context = contextOf(tenantId, '');
      const read = () =>
        relational.query<{ wrapped: string }>('select wrapped from tenant_key where tenant_id = $1', [tenantId]);
      let [row] = await read();
      if (row === undefined) {
        // Of two that make one at once the first stays.
        await relational.execute('insert into tenant_key (tenant_id, wrapped) values ($1, $2) on conflict do nothing', [
          tenantId,
          await wrap(randomBytes(32), context),
        ]);
        [row] = await read();
      }
      return unwrap(row!.wrapped, context);
    },

    async subjectKeys(tenantId, subjects) {
      const distinct = [...new Set(subjects)];
      const found = await known(tenantId, distinct);
      const missing = distinct.filter((subject) => !found.has(subject));
      if (missing.length > 0) {
        const wrapped: string[] = [];
        for (const subject of missing) wrapped.push(await wrap(randomBytes(32), contextOf(tenantId, subject)));
        await relational.execute(
          `insert into subject_key (tenant_id, subject, wrapped)
           select $1, new.subject, new.wrapped from unnest($2::text[], $3::text[]) as new(subject, wrapped) on conflict do nothing`,
          [tenantId, missing, wrapped],
        );
        for (const [subject, key] of await known(tenantId, missing)) found.set(subject, key);
      }
      const keys = new Map<string, Buffer | undefined>();
      for (const [subject, wrapped] of found)
        keys.set(subject, wrapped === null ? undefined : await unwrap(wrapped, contextOf(tenantId, subject)));
      return subjects.map((subject) => keys.get(subject));
    },

    async subjectKey(tenantId, subject) {
      const wrapped = (await known(tenantId, [subject])).get(subject) ?? undefined;
      return wrapped === undefined ? undefined : unwrap(wrapped, contextOf(tenantId, subject));
    },

    async shred(tenantId, subject, sql = relational) {
      await sql.execute('delete from token where tenant_id = $1 and subject = $2', [tenantId, subject]);
      const shredded = await sql.execute(
        `update subject_key set wrapped = null, shredded_at = now() where tenant_id = $1 and subject = $2 and wrapped is not null`,
        [tenantId, subject],
      );
      // One who never had a key must not get one either.
      await sql.execute(
        `insert into subject_key (tenant_id, subject, wrapped, shredded_at) values ($1, $2, null, now()) on conflict do nothing`,
        [tenantId, subject],
      );
      return shredded > 0;
    },

    async keepTokens(tenantId, tokens) {
      if (tokens.length === 0) return;
      await relational.execute(
        `insert into token (tenant_id, token, subject, sealed)
         select $1, new.token, new.subject, new.sealed from unnest($2::text[], $3::text[], $4::text[]) as new(token, subject, sealed)
         on conflict do nothing`,
        [tenantId, tokens.map((t) => t.token), tokens.map((t) => t.subject), tokens.map((t) => t.sealed)],
      );
    },

    tokens: (tenantId, token) =>
      relational.query<KeptToken & Record<string, unknown>>(
        'select token, subject, sealed from token where tenant_id = $1 and token = $2 order by subject',
        [tenantId, token],
      ),
  };
}
