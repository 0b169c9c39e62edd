/**
 * Which rows of a batch's records the store holds already. The question carries the first four bytes of every id as
 * one literal, and asks for all rows, not FINAL: the newest are chosen here, and a scan of four bytes a row is the whole cost.
 */
import type { CanonicalRecord, RecordBatch } from './port.ts';
import type { OldPlace } from './native.ts';

export interface ExistingRow extends OldPlace {
  recordId: string;
  revision: bigint;
  isDeleted: boolean;
  sameBatch: boolean;
  /** Orders rows of one revision; bytes as latin1 text. Only when asked for, else empty. */
  precedence: string;
}

/** A query whose answer `parseExisting` reads. `ids`: 16 bytes each. */
export function existingQuery(ids: Uint8Array, withPrecedence: boolean): string {
  const heads = Buffer.allocUnsafe(ids.length / 4);
  for (let at = 0, from = 0; from < ids.length; from += 16) {
    for (let i = from; i < from + 4; i++) heads[at++] = ids[i]!;
  }
  const prefixes = heads.toString('hex');
  const precedence = withPrecedence
    ? `concat(raw_sha256, ${bigEndian('byte_start')}, ${bigEndian('row')}, record_hash)`
    : `''`;
  return `SELECT record_id, kind, name, ts, revision, is_deleted, batch_id = unhex({batch:String}), ${precedence}
FROM records
PREWHERE record_prefix IN (SELECT arrayJoin(reinterpret(unhex('${prefixes}'), 'Array(UInt32)')))
WHERE tenant_id = {tenant:String} AND source_id = {source:String}
FORMAT RowBinary`;
}

/** The tie-breaker of a payload's own record, comparable with `ExistingRow.precedence`. */
export function precedenceOf({ rawSha256 }: Pick<RecordBatch, 'rawSha256'>, record: CanonicalRecord): string {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(record.byteStart), 0);
  numbers.writeBigUInt64BE(BigInt(record.row), 8);
  const raw = Buffer.from(rawSha256, 'hex').toString('latin1');
  return raw + numbers.toString('latin1') + Buffer.from(record.recordHash, 'hex').toString('latin1');
}

function bigEndian(column: string): string {
  return `reverse(reinterpretAsFixedString(${column}))`;
}

/** Decodes the answer, leaving out rows of records that are not asked for (ids that share four bytes with one that is). */
export function parseExisting(bytes: Buffer, ids: Uint8Array): ExistingRow[] {
  const rows: ExistingRow[] = [];
  let at = 0;
  const text = (encoding: 'utf8' | 'latin1'): string => {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const start = at;
    at += length;
    return length === 0 ? '' : bytes.toString(encoding, start, at);
  };
  while (at < bytes.length) {
    const recordId = bytes.toString('hex', at, at + 16);
    at += 16;
    const kind = text('utf8');
    const name = text('utf8');
    const tsMs = Number(bytes.readBigInt64LE(at));
    const revision = bytes.readBigUInt64LE(at + 8);
    const isDeleted = bytes[at + 16] === 1;
    const sameBatch = bytes[at + 17] === 1;
    at += 18;
    const precedence = text('latin1');
    rows.push({ recordId, kind, name, tsMs, revision, isDeleted, sameBatch, precedence });
  }
  return rows.length === 0 ? rows : rows.filter(isAmong(ids, rows.length));
}

/** Mostly a batch is new, and the few rows that come share four bytes with an id by chance: then a set of all ids is not worth its while. */
function isAmong(ids: Uint8Array, rows: number): (row: ExistingRow) => boolean {
  const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
  if (rows <= 16) return ({ recordId }) => indexOfId(bytes, Buffer.from(recordId, 'hex')) >= 0;
  const wanted = new Set<string>();
  for (let from = 0; from < bytes.length; from += 16) wanted.add(bytes.toString('hex', from, from + 16));
  return ({ recordId }) => wanted.has(recordId);
}

function indexOfId(ids: Buffer, id: Buffer): number {
  let at = ids.indexOf(id);
  while (at >= 0 && at % 16 !== 0) at = ids.indexOf(id, at + 1);
  return at;
}
