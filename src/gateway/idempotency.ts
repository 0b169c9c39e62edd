// Idempotency-Key: the first request with a key does the work, every repeat gets the first one's answer.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { ChartlyError, isoMs, type Clock } from '#kit';
import type { Relational, Row } from '#storage';

export interface Answer {
  status: number;
  text: string;
}

export interface IdempotentRequest {
  tenantId: string;
  keyId: string;
  /** The caller's Idempotency-Key. */
  key: string;
  /** Digest of everything that makes the request what it is. */
  bodyHash: string;
  /** When given, the kept answer can be read with this secret alone: for answers that hold a secret. */
  sealWith?: string;
}

interface KeptRow extends Row {
  body_hash: string;
  status: number;
  response: { text?: string; sealed?: string };
  created_at: string;
}

const keepMs = 24 * 3_600_000;
/** A claim this old without an answer is of a process that died: the next request takes it over. */
const staleMs = 60_000;
const waitMs = 30_000;
const pollMs = 50;

/**
 * Runs `work` at most once per caller and key within 24 hours; a repeat gets the same status and bytes. Concurrent repeats wait for the first,
 * in any process that shares the store. Only success is kept: an error leaves nothing behind, so that a repeat tries again.
 * (A process that dies between its work and the keeping of the answer leaves a claim that a repeat takes over after 60 s, and the work runs again.)
 * Errors: `idempotency_mismatch`; `conflict` when the first is still at work after 30 s; those of `work`.
 */
export function createIdempotency(relational: Relational, clock: Clock) {
  const store = claims(relational, clock);
  const atWork = new Set<string>();
  let sweptAt = 0;

  async function perform(request: IdempotentRequest, work: () => Promise<Answer>): Promise<Answer> {
    const id = `${request.tenantId}/${nameOf(request)}`;
    atWork.add(id);
    try {
      const answer = await work().catch(async (error: unknown) => {
        // When the store is gone the claim stays and is taken over later; the error that counts is the work's.
        await store.release(request).catch(() => undefined);
        throw error;
      });
      await store.keep(request, answer);
      return answer;
    } finally {
      atWork.delete(id);
    }
  }

  return async function once(
    request: IdempotentRequest,
    work: () => Promise<Answer>,
  ): Promise<Answer & { replayed: boolean }> {
    if (clock.now() - sweptAt > 3_600_000) {
      sweptAt = clock.now();
      await store.sweep();
    }
    for (let waited = 0; waited <= waitMs; waited += pollMs) {
      if (await store.claim(request)) return { ...(await perform(request, work)), replayed: false };
      const kept = await store.find(request);
      if (kept === undefined) continue;
      if (kept.body_hash !== request.bodyHash) {
        throw new ChartlyError('idempotency_mismatch', 'This Idempotency-Key was used before for another request.');
      }
      if (kept.status > 0) return { status: kept.status, text: unseal(request, kept.response), replayed: true };
      const stale = clock.now() - Date.parse(kept.created_at) > staleMs;
      if (stale && !atWork.has(`${request.tenantId}/${nameOf(request)}`) && (await store.takeOver(request, kept))) {
        return { ...(await perform(request, work)), replayed: false };
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    throw new ChartlyError('conflict', 'The first request with this Idempotency-Key is still at work.', {
      retryable: true,
      retryAfterMs: 5_000,
      action: 'Repeat the request with the same Idempotency-Key later.',
    });
  };
}

/** Keys are the caller's own: no key can read what another key's request answered. */
const nameOf = (request: IdempotentRequest): string => `${request.keyId}:${request.key}`;

function claims(relational: Relational, clock: Clock) {
  const expired = (): string => isoMs(clock.now() - keepMs);
  return {
    /** True when the key is this request's now; status 0 marks it as at work. */
    async claim(request: IdempotentRequest): Promise<boolean> {
      const inserted = await relational.execute(
        `insert into idempotency_key (tenant_id, key, body_hash, status, response, created_at) values ($1, $2, $3, 0, '{}', $4)
         on conflict (tenant_id, key) do update set body_hash = excluded.body_hash, status = 0, response = '{}', created_at = excluded.created_at
         where idempotency_key.created_at < $5`,
        [request.tenantId, nameOf(request), request.bodyHash, isoMs(clock.now()), expired()],
      );
      return inserted > 0;
    },
    async find(request: IdempotentRequest): Promise<KeptRow | undefined> {
      const rows = await relational.query<KeptRow>(
        'select body_hash, status, response, created_at from idempotency_key where tenant_id = $1 and key = $2',
        [request.tenantId, nameOf(request)],
      );
      return rows[0];
    },
    async takeOver(request: IdempotentRequest, kept: KeptRow): Promise<boolean> {
      const changed = await relational.execute(
        'update idempotency_key set created_at = $3 where tenant_id = $1 and key = $2 and status = 0 and created_at = $4',
        [request.tenantId, nameOf(request), isoMs(clock.now()), kept.created_at],
      );
      return changed > 0;
    },
    async keep(request: IdempotentRequest, answer: Answer): Promise<void> {
      await relational.execute(
        'update idempotency_key set status = $3, response = $4 where tenant_id = $1 and key = $2',
        [request.tenantId, nameOf(request), answer.status, JSON.stringify(seal(request, answer.text))],
      );
    },
    async release(request: IdempotentRequest): Promise<void> {
      await relational.execute('delete from idempotency_key where tenant_id = $1 and key = $2 and status = 0', [
        request.tenantId,
        nameOf(request),
      ]);
    },
    async sweep(): Promise<void> {
      await relational.execute('delete from idempotency_key where created_at < $1', [expired()]);
    },
  };
}

function sealingKey(request: IdempotentRequest): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', request.sealWith!, nameOf(request), 'chartly/idempotency', 32));
}

function seal(request: IdempotentRequest, text: string): KeptRow['response'] {
  if (request.sealWith === undefined) return { text };
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(request), iv);
  const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { sealed: sealed.toString('base64') };
}

function unseal(request: IdempotentRequest, kept: KeptRow['response']): string {
  if (kept.sealed === undefined) return kept.text ?? 'null';
  const bytes = Buffer.from(kept.sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(request), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
}
