/**
 * Which rows of a batch's records the store holds already. The question carries the first four bytes of every id as
 * one literal, and asks for all rows, not FINAL: the newest are chosen here, and a scan of four bytes a row is the whole cost.
 */
import type { RecordBatch } from './port.ts';
import type { OldPlace } from './native.ts';

export interface ExistingRow extends OldPlace {
  recordId: string;
  revision: bigint;
  isDeleted: boolean;
  sameBatch: boolean;
  /** Orders rows of one revision; bytes as latin1 text. Only when asked for, else empty. */
  precedence: string;
}

/** A query whose answer `parseExisting` reads. `ids` are 32 hexadecimal digits; nothing else may reach this text. */
export function existingQuery(batch: RecordBatch, ids: readonly string[], withPrecedence: boolean): string {
  let prefixes = '';
  for (const id of ids) prefixes += id.slice(0, 8);
  if (!/^[0-9a-f]*$/i.test(prefixes)) throw new TypeError('a record id is not hexadecimal');
  const precedence = withPrecedence
    ? `concat(raw_sha256, ${bigEndian('byte_start')}, ${bigEndian('row')}, record_hash)`
    : `''`;
  return `SELECT record_id, kind, name, ts, revision, is_deleted, batch_id = unhex({batch:String}), ${precedence}
FROM records
PREWHERE record_prefix IN (SELECT arrayJoin(reinterpret(unhex('${prefixes}'), 'Array(UInt32)')))
WHERE tenant_id = {tenant:String} AND source_id = {source:String}
FORMAT RowBinary`;
}

/** The tie-breaker of a batch's own record, comparable with `ExistingRow.precedence`. */
export function precedenceOf(batch: RecordBatch, index: number): string {
  const record = batch.records[index]!;
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(record.byteStart), 0);
  numbers.writeBigUInt64BE(BigInt(record.row), 8);
  const raw = Buffer.from(batch.rawSha256, 'hex').toString('latin1');
  return raw + numbers.toString('latin1') + Buffer.from(record.recordHash, 'hex').toString('latin1');
}

function bigEndian(column: string): string {
  return `reverse(reinterpretAsFixedString(${column}))`;
}

/** Decodes the answer, leaving out rows of records that are not asked for (ids that share four bytes with one that is). */
export function parseExisting(bytes: Buffer, wanted: { has(id: string): boolean }): ExistingRow[] {
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
    if (wanted.has(recordId)) rows.push({ recordId, kind, name, tsMs, revision, isDeleted, sameBatch, precedence });
  }
  return rows;
}
