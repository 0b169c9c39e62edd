import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Audit, NewEntry } from '#audit';
import { ChartlyError, isoMs, sha256Hex, type Clock } from '#kit';
import type { Relational } from '#storage';
import type { Auth, KeyInfo, Principal, Role } from './index.ts';
import { findLiveKey, insertKey, markRevoked, selectKeys } from './key-store.ts';
import { authorize, isRole } from './roles.ts';
import { isWellFormed, newSecret } from './secret.ts';

export interface AuthDeps {
  relational: Relational;
  audit: Audit;
  clock: Clock;
}

/** How long an answer may be kept: a key revoked by another process is refused after this at the latest. */
const cacheMs = 5_000;
const cacheEntries = 10_000;

/** API keys over the relational store; every change of a key commits together with its ledger entry. */
export function createAuth({ relational, audit, clock }: AuthDeps): Auth {
  const known = new Map<string, { principal: Principal; until: number }>();

  return {
    async createKey(tenantId, actor, { name, role }) {
      checkKey(name, role);
      const secret = newSecret();
      const key: KeyInfo = {
        keyId: randomBytes(8).toString('hex'),
        name: name.trim(),
        role,
        createdAt: isoMs(clock.now()),
        revokedAt: undefined,
      };
      await relational.transaction(async (tx) => {
        await insertKey(tx, tenantId, key, sha256Hex(secret));
        await audit.append([ledgerEntry(tenantId, actor, 'created', key.keyId, { role })], tx);
      });
      return { key, secret };
    },

    async revokeKey(tenantId, actor, keyId) {
      const outcome = await relational.transaction(async (tx) => {
        const found = await markRevoked(tx, tenantId, keyId, isoMs(clock.now()));
        if (found === 'gone') await audit.append([ledgerEntry(tenantId, actor, 'revoked', keyId, {})], tx);
        return found;
      });
      if (outcome === 'unknown') throw new ChartlyError('not_found', 'There is no such key.');
      for (const [hash, entry] of known) if (entry.principal.keyId === keyId) known.delete(hash);
    },

    listKeys: (tenantId) => selectKeys(relational, tenantId),

    async authenticate(secret) {
      if (!isWellFormed(secret)) throw refused();
      const hash = sha256Hex(secret);
      const now = clock.now();
      const cached = known.get(hash);
      if (cached !== undefined && now < cached.until) return cached.principal;
      known.delete(hash);
      const found = await findLiveKey(relational, hash);
      if (found === undefined || !sameDigest(found.secretHash, hash)) throw refused();
      if (known.size >= cacheEntries) known.clear();
      // Counted from before the store was asked: a revocation during the question counts as after it.
      known.set(hash, { principal: found.principal, until: now + cacheMs });
      return found.principal;
    },

    authorize,
  };
}

function refused(): ChartlyError {
  return new ChartlyError('unauthorized', 'The API key is not valid.');
}

function sameDigest(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function checkKey(name: string, role: Role): void {
  const details = [];
  const trimmed = name.trim();
  if (trimmed.length === 0 || trimmed.length > 128)
    details.push({ pointer: '/name', message: 'must be 1 to 128 characters' });
  if (!isRole(role)) details.push({ pointer: '/role', message: 'must be admin, operator or viewer' });
  if (details.length > 0) throw new ChartlyError('validation_failed', 'The key cannot be made.', { details });
}

function ledgerEntry(
  tenantId: string,
  actor: string,
  verb: 'created' | 'revoked',
  keyId: string,
  details: NewEntry['details'],
): NewEntry {
  return {
    tenantId,
    actor,
    action: `key.${verb}`,
    resource: `key:${keyId}`,
    outcome: 'succeeded',
    details,
    dedupeKey: `key.${verb}:${keyId}`,
  };
}
