import type { ScanExport } from '#contracts';
import { ChartlyError } from '#kit';
import type { BlobStore, CanonicalStore, Relational } from '#storage';
import type { ScanResult, ScanTask } from './index.ts';
import { findings } from './policy/windows.ts';
import { scanPayload } from './scan-payload.ts';
import { scanRecords } from './scan-records.ts';
import { detectorsByName } from './scan-rows.ts';
import { createTally, type ScanTally } from './scan-tally.ts';

export interface ScanDeps {
  relational: Relational;
  blobs: BlobStore;
  canonical: CanonicalStore;
}

interface OfSource {
  tally: ScanTally;
  /** When records of a scanned payload were first written. */
  since: string | undefined;
}

/** Payload by payload, at least one, until the time is up. */
export async function scan(deps: ScanDeps, task: ScanTask): Promise<ScanResult> {
  const { tenantId, payloads, detectors, signal, budgetMs } = task;
  const until = performance.now() + budgetMs;
  const byName = detectorsByName(detectors);
  const sources = new Map<string, OfSource>();
  const result: ScanResult = {
    payloads: 0,
    missing: 0,
    bytes: 0,
    findings: 0,
    truncated: false,
    items: [],
    exports: [],
  };
  for (const { sourceId, raw, profile, expired } of payloads) {
    if (result.payloads > 0 && performance.now() >= until) break;
    result.payloads++;
    const source = sources.get(sourceId) ?? { tally: createTally(sourceId, byName.plain), since: undefined };
    sources.set(sourceId, source);
    source.tally.begin({ sha256: raw.sha256, capturedAt: raw.captured_at });
    const open = (): AsyncIterable<Uint8Array> => deps.blobs.read(raw.bucket, raw.sha256);
    try {
      if (expired) result.missing++;
      else result.bytes += await scanPayload({ open, profile, detectors, signal }, source.tally);
    } catch (error) {
      // Retention may have taken it: its records may stand still.
      if (!(error instanceof ChartlyError) || error.code !== 'not_found') throw error;
      result.missing++;
    }
    const since = await scanRecords(deps, { tenantId, sourceId, sha256: raw.sha256 }, byName, source.tally);
    if (since !== undefined && (source.since === undefined || since < source.since)) source.since = since;
  }
  for (const [sourceId, { tally, since }] of sources) {
    result.findings += tally.findings;
    result.truncated ||= tally.truncated;
    const items = tally.items();
    result.items.push(...items);
    if (since !== undefined && items.some((item) => item.reached.length > 0))
      result.exports.push(...(await exportsOf(deps, { tenantId, sourceId, since }, byName, tally)));
  }
  return result;
}

/** Artifacts are texts of some megabytes; of larger ones the start is looked at. */
const artifactBytes = 32 << 20;
/** Values that are looked for one by one, as only a hint makes them recognisable. */
const mostHinted = 200;

/** Every export that rests on records of the source since then, with how many of the values that were found stand in it. */
async function exportsOf(
  { relational, blobs }: ScanDeps,
  { tenantId, sourceId, since }: { tenantId: string; sourceId: string; since: string },
  { plain }: ReturnType<typeof detectorsByName>,
  tally: ScanTally,
): Promise<ScanExport[]> {
  const rows = await relational.query<{
    sha256: string;
    report_id: string;
    format: string;
    size: string;
    created_at: string;
  }>(
    `select sha256, report_id, format, size, created_at from artifact
     where tenant_id = $1 and manifest->'inputs' @> $2::jsonb and created_at >= $3::timestamptz order by created_at, sha256, report_id`,
    [tenantId, JSON.stringify([{ sources: [{ source_id: sourceId }] }]), since],
  );
  const hinted = tally.hintedValues().slice(0, mostHinted);
  const exports: ScanExport[] = [];
  for (const { sha256, report_id, format, size, created_at } of rows) {
    const range = { start: 0, end: Math.min(Number(size), artifactBytes) };
    const text = (await blobs.readAll('artifacts', sha256, range)).toString('utf8');
    const shown = new Set(hinted.filter((value) => text.includes(value)));
    for (const { start, end } of findings(text, plain)) {
      const value = text.slice(start, end);
      if (tally.isExposed(value)) shown.add(value);
    }
    exports.push({
      source_id: sourceId,
      report_id,
      artifact_sha256: sha256,
      format,
      rendered_at: created_at,
      values: shown.size,
    });
  }
  return exports;
}
