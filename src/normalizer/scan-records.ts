import type { CanonicalStore, Relational, StoredRecord } from '#storage';
import type { detectorsByName } from './scan-rows.ts';
import type { ScanTally } from './scan-tally.ts';

export interface RecordScope {
  tenantId: string;
  sourceId: string;
  sha256: string;
}

/** Looks for personal data in the live records of a payload: values of the payload that got there, and others. Returns since when there are any. */
export async function scanRecords(
  { relational, canonical }: { relational: Relational; canonical: CanonicalStore },
  { tenantId, sourceId, sha256 }: RecordScope,
  detectors: ReturnType<typeof detectorsByName>,
  tally: ScanTally,
): Promise<string | undefined> {
  const batches = await relational.query<{ batch_id: string; created_at: string }>(
    `select batch_id, created_at from batch_receipt where tenant_id = $1 and source_id = $2 and raw_sha256 = $3 order by created_at, batch_id`,
    [tenantId, sourceId, sha256],
  );
  for (const { batch_id: batchId } of batches) {
    for await (const records of canonical.scan(tenantId, { sourceId, batchId }))
      for (const record of records) scanRecord(record, detectors, tally);
  }
  return batches[0]?.created_at;
}

function scanRecord(record: StoredRecord, detectors: ReturnType<typeof detectorsByName>, tally: ScanTally): void {
  const { kind, name, dimensions, measures, exact, byteStart, byteEnd, row } = record;
  const place = { start: byteStart, end: byteEnd, row };
  const look = (text: string, field: string, at: string, number: boolean): void => {
    const { detect, hinted } = detectors.of(field);
    if (number && !hinted) return;
    for (const { detector, start, end } of detect(text)) {
      const value = text.slice(start, end);
      // The value may have been found in the payload under a name that hints at nothing, or in other clothes.
      if (!tally.reach(value, `${kind} ${at}`)) {
        tally.add({ where: 'record', pointer: `/${at.replace('.', '/')}`, detector, text: value, place });
        tally.reach(value, `${kind} ${at}`);
      }
    }
  };
  look(name, 'name', 'name', false);
  for (const [field, text] of Object.entries(dimensions)) look(text, field, `dimensions.${field}`, false);
  for (const [field, number] of Object.entries(measures))
    look(exact?.[field] ?? String(number), field, `measures.${field}`, true);
}
