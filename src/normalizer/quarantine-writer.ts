import { isoMs, shortId } from '#kit';
import type { Relational } from '#storage';
import type { Rejection } from './batch-builder.ts';
import type { BatchFrame } from './contract-check.ts';
import { storable } from './mask.ts';
import type { Reading } from './readings.ts';
import { recoveryOf } from './recovery.ts';

/** Rows of one statement: bounds the memory of its parameters, here and in the engine. */
const rowsPerInsert = 2000;

/**
 * A row that is there already stands open again when a newer reading finds it, unless it was discarded. When a version that became active later has read
 * the payload, what an older one finds is superseded from the start.
 */
const insertText = `
insert into quarantine as q (quarantine_id, tenant_id, source_id, run_id, reason_code, rule, pointer, message, value_masked, raw_sha256,
  byte_start, byte_end, row, candidate, profile_id, profile_version, profile_digest, recovery, created_at, state, revision)
select n.id, $10, $11, $12::uuid, n.reason, n.rule, n.pointer, n.message, n.masked, $13,
  n.byte_start, n.byte_end, n.row, n.candidate, $14, $15, $16, n.recovery, $17::timestamptz,
  case when newer.revision is null then 'open' else 'superseded' end, coalesce(newer.revision, $20::bigint)
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $18::int[], $19::text[])
  as n(id, reason, rule, pointer, message, masked, byte_start, byte_end, row, candidate, recovery),
  (select max(revision) as revision from reading
   where tenant_id = $10 and source_id = $11 and raw_sha256 = $13 and profile_digest <> $16 and ended and revision > $20::bigint) newer
on conflict (quarantine_id) do update set state = excluded.state, revision = excluded.revision,
  run_id = case when q.state = 'open' then q.run_id else excluded.run_id end,
  created_at = case when q.state = 'open' then q.created_at else excluded.created_at end
where excluded.revision > q.revision and q.state <> 'discarded'`;

/** Inserts a batch's rejections, many rows a statement. Ids are functions of the row, the rule and the version, so a repeat changes nothing. */
export async function writeRejections(
  relational: Relational,
  frame: BatchFrame,
  runId: string,
  rejections: readonly Rejection[],
  nowMs: number,
): Promise<void> {
  for (let at = 0; at < rejections.length; at += rowsPerInsert) {
    const part = rejections.slice(at, at + rowsPerInsert);
    await relational.execute(insertText, [
      part.map((r) => quarantineId(frame, r)),
      part.map((r) => r.reason),
      part.map((r) => storable(r.rule, 512)),
      part.map((r) => storable(r.pointer, 2048)),
      part.map((r) => storable(r.message, 2000)),
      part.map((r) => storable(r.masked, 256)),
      part.map((r) => r.start),
      part.map((r) => r.end),
      part.map((r) => r.row),
      frame.tenantId,
      frame.sourceId,
      runId,
      frame.rawSha256,
      frame.profileId,
      frame.profileVersion,
      frame.profileDigest,
      isoMs(nowMs),
      part.map((r) => r.candidate),
      part.map((r) => recoveryOf[r.reason]),
      String(frame.revision),
    ]);
  }
}

function quarantineId(frame: BatchFrame, r: Rejection): string {
  const { tenantId, sourceId, rawSha256, profileDigest } = frame;
  const place = [String(r.start), String(r.row), String(r.candidate)];
  return shortId(['quarantine', tenantId, sourceId, rawSha256, profileDigest, ...place, r.rule, r.reason]);
}

/** Where rows of a payload start that other versions of the profile refused and that stand open; `byRow`: their numbers, as ranges are shared. */
export async function openElsewhere(relational: Relational, frame: BatchFrame, byRow: boolean): Promise<Set<number>> {
  const rows = await relational.query<{ at: string }>(
    `select distinct ${byRow ? 'row' : 'byte_start'}::text as at from quarantine
     where tenant_id = $1 and raw_sha256 = $2 and source_id = $3 and profile_digest <> $4 and state = 'open'`,
    [frame.tenantId, frame.rawSha256, frame.sourceId, frame.profileDigest],
  );
  return new Set(rows.map((row) => Number(row.at)));
}

/**
 * What older versions of the profile found wrong with this payload no longer stands open, for the newest has judged it anew: rows that
 * now give a record, and of which nothing is refused again, are `recovered`; the others `superseded`. What concerned the payload as a
 * whole is recovered with any record: all of its `size` bytes or of those `decoded`, or none as it could not be decoded. When the newest is
 * another version than this reading's, nothing is known of its records here. Repeatable.
 */
export async function settleOthers(
  relational: Relational,
  frame: BatchFrame,
  newest: Reading,
  recovered: { places: readonly number[]; byRow: boolean; size: number; decoded: number; any: boolean },
): Promise<number> {
  const place = recovered.byRow ? 'row' : 'byte_start';
  const own = newest.profileDigest === frame.profileDigest;
  return relational.execute(
    `update quarantine q set revision = $9::bigint, state = case
       when (q.${place} = any($5::bigint[]) or ($6 and q.rule = 'format' and q.byte_start = 0
           and (q.byte_end in (0, $7::bigint) or q.byte_end >= $8::bigint)))
         and not exists (
           select 1 from quarantine again
           where again.tenant_id = q.tenant_id and again.raw_sha256 = q.raw_sha256 and again.source_id = q.source_id
             and again.profile_digest = $4 and again.${place} = q.${place} and again.candidate = q.candidate)
       then 'recovered' else 'superseded' end
     where tenant_id = $1 and raw_sha256 = $2 and source_id = $3 and profile_digest <> $4 and state = 'open' and revision < $9::bigint`,
    [
      frame.tenantId,
      frame.rawSha256,
      frame.sourceId,
      newest.profileDigest,
      own ? recovered.places : [],
      own && recovered.any,
      recovered.size,
      recovered.decoded,
      String(newest.revision),
    ],
  );
}
