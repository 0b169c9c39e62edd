// A leaf of the ledger: its text, its hash, and the rows it stands in.
import { validator, type AuditEntry } from '#contracts';
import { ChartlyError, canonicalJson, leafHash } from '#kit';
import type { Row } from '#storage';
import type { LedgerEntry } from './index.ts';

/** What the first entry's `prev` says, and the head of an empty ledger. */
export const noEntry = '0'.repeat(64);
const maxLeafBytes = 8192;

/** Names the log of a tenant, inside every leaf, so that an entry of one log cannot stand in another. */
export const originOf = (tenantId: string): string => `chartly/${tenantId}`;

/** Lower case hexadecimal of the RFC 6962 leaf hash of the leaf's text. */
export const hashOfLeaf = (leaf: string): string => leafHash(leaf).toString('hex');

/** The text and the hash of a new leaf. Errors: `validation_failed`, when an entry breaks its contract or is larger than 8 KiB. */
export function seal(entry: AuditEntry): { leaf: string; leafHash: string } {
  const validate = validator('audit/entry');
  if (!validate(entry)) {
    throw new ChartlyError('validation_failed', 'A ledger entry does not satisfy its contract; nothing was recorded.', {
      details: validate.violations().map(({ pointer, message }) => ({ pointer, message })),
    });
  }
  const leaf = canonicalJson(entry);
  if (Buffer.byteLength(leaf) > maxLeafBytes) {
    throw new ChartlyError('validation_failed', 'A ledger entry is larger than 8 KiB; nothing was recorded.');
  }
  return { leaf, leafHash: hashOfLeaf(leaf) };
}

export interface LeafRow extends Row {
  seq: string;
  leaf: string;
  leaf_hash: string;
}

/** Errors: `ledger_corrupt`, when the stored text is not JSON any more. */
export function toLedgerEntry(row: LeafRow): LedgerEntry {
  try {
    return { seq: BigInt(row.seq), leafHash: row.leaf_hash, entry: JSON.parse(row.leaf) as AuditEntry };
  } catch (cause) {
    throw new ChartlyError('ledger_corrupt', `Entry ${row.seq} of the ledger cannot be read.`, { cause });
  }
}
