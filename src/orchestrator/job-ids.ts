import type { Job, RawRef } from '#contracts';
import { shortId } from '#kit';

/** The id of a normalize job is a function of its run and payload: asking for the same work twice gives one job. */
export function normalizeJobId(runId: string, raw: RawRef): string {
  // A replay may take several captures of the same bytes, each with a revision of its own.
  const capture = raw.run_id === runId ? [] : [raw.captured_at];
  const hex = shortId(['job', runId, 'normalize', String(raw.page), raw.request_key, raw.sha256, ...capture]);
  // RFC 9562, version 8: bits of our own choosing.
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

export function normalizeJob(fetch: Job, raw: RawRef, profile: { profile: string; version: string }): Job {
  return {
    job_id: normalizeJobId(fetch.run_id, raw),
    run_id: fetch.run_id,
    tenant_id: fetch.tenant_id,
    source_id: fetch.source_id,
    ...(fetch.request_id === undefined ? {} : { request_id: fetch.request_id }),
    kind: 'normalize',
    raw,
    profile_id: profile.profile,
    profile_version: profile.version,
  };
}
