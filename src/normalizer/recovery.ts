import type { ReasonCode } from '#contracts';

/** What to do next about a quarantined row, by reason. */
export const recoveryOf: Record<ReasonCode, string> = {
  parse_error: 'Look at the bytes; correct them at the upstream and ingest again.',
  truncated: 'Ingest again: the upstream broke off. If it repeats, ask for smaller pages.',
  invalid_utf8:
    'Declare csv.encoding in a new version of the profile if the upstream writes its tables in another encoding; else have it send UTF-8, and ingest again.',
  ragged_row:
    'Look at the row for an unquoted delimiter; correct it at the upstream, or csv.delimiter and csv.quote in the profile.',
  row_too_large: 'Have the upstream send smaller rows, or select smaller ones in the profile.',
  archive_unreadable:
    'Name the file with zip.member in a new version of the profile, or have the upstream send a plain archive: no password, deflate or zstd.',
  decoded_too_large:
    'If the payload is genuine, raise limits.decoded_bytes or limits.decoded_ratio in a new version of the profile.',
  empty_payload: 'Check the request of the source: the upstream answered with nothing.',
  no_rows:
    'Compare `select` in the profile (of a workbook: xlsx.sheet, header_row and range) with the payload; the upstream may have changed its shape.',
  too_deep: 'Select a deeper value in the profile, or have the upstream flatten its rows.',
  missing_field:
    'Give the rule a default or set on_missing: skip in a new version of the profile, or correct the upstream.',
  cast_failed: 'Add the text to null_values or map it in a new version of the profile, or correct the upstream.',
  time_invalid: 'Add the format of this time to the rule in a new version of the profile, or correct the upstream.',
  time_ambiguous: 'Set ambiguous: earlier or later in a new version of the profile, or have the upstream send offsets.',
  time_out_of_range:
    'Check the unit (epoch_s, epoch_ms) and the format of the rule; times outside 1900 to 2299 are not stored.',
  value_out_of_range:
    'Widen min and max in a new version of the profile if the value is right; otherwise correct the upstream.',
  value_not_mapped: 'Add the value to the map, or give it a default, in a new version of the profile.',
  lookup_missed:
    'Add the key to the reference file, or see that the entity is ingested first; then apply a new version of the profile. Or give the rule a default.',
  pattern_mismatch:
    'Widen the pattern of matches in a new version of the profile if the text is right; otherwise correct the upstream.',
  expression_failed:
    'Guard the expression, as in `has(row.x) && row.x > 0` or `double(row.x)`, in a new version of the profile, or correct the upstream.',
  schema_drift:
    'See `chartly drift list`; apply a new version of the profile, or accept the change where the payload is held back, then recover.',
  contract_violation:
    'Shorten or correct the field in a new version of the profile, so that the record satisfies its contract.',
  policy_violation:
    'Say in the policy what becomes of the field (hash, mask, tokenise, encrypt, or allow with a reason) in a new version of the profile, or leave it out.',
  subject_erased:
    'Discard the row: its subject asked to be forgotten, and the raw payload still holds it until it is removed.',
};
