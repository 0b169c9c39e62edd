import { check, contextCheck, longMs, rpcService, type Handle, type MethodTable, type RpcService } from '#kit';
import type { Normalizer } from './index.ts';

const { text, whole, flag, object, signal, callback, optional, members, list, contract } = check;

/** `check` needs nothing but its argument, and `close` is for the process that created it. */
type NormalizerCalls = Omit<Normalizer, 'check' | 'close'>;

const applied = members({ profile: contract('profiles/profile'), digest: text, ordinal: whole });
const filter = {
  sourceId: optional(text),
  runId: optional(text),
  reasonCode: optional(text),
  state: optional(text),
};
const judged = {
  tenantId: text,
  sourceId: text,
  payloads: list(contract('raw/raw-ref')),
  profile: applied,
  reading: optional(check.oneOf('now')),
  signal,
  guard: optional(object),
};

/** How the normalizer is called from other processes. */
export const normalizerMethods: MethodTable<NormalizerCalls> = {
  checkTables: { args: [contract('profiles/profile')], repeatable: true, timeoutMs: 120_000 },
  storeReference: { args: [check.bytes], repeatable: true, timeoutMs: 120_000 },
  normalize: {
    args: [
      members({
        tenantId: text,
        sourceId: text,
        runId: text,
        jobId: text,
        raw: contract('raw/raw-ref'),
        profile: applied,
        signal,
        drift: optional(members({ known: optional(object), guard: optional(object), older: flag })),
        onProgress: optional(callback),
      }),
    ],
    repeatable: true,
    timeoutMs: longMs,
  },
  judge: { args: [members(judged)], repeatable: true, timeoutMs: longMs },
  // A second one would leave the first one's fork behind.
  rehearse: {
    args: [members({ ...judged, base: optional(object), alone: optional(flag), examples: whole })],
    repeatable: false,
    timeoutMs: longMs,
  },
  expireRecords: {
    args: [members({ tenantId: text, sourceId: text, beforeMs: whole }), members({ dryRun: flag })],
    repeatable: true,
    timeoutMs: longMs,
  },
  quarantined: {
    args: [text, optional(members({ ...filter, limit: optional(whole), after: optional(text) }))],
    repeatable: true,
  },
  quarantineSummary: { args: [text, optional(members(filter))], repeatable: true },
  quarantinedRow: { args: [text, text], repeatable: true, timeoutMs: 120_000 },
  decodedRow: { args: [text, object], repeatable: true, timeoutMs: 120_000 },
  discard: { args: [contextCheck, object, text], repeatable: false },
  scan: {
    args: [
      members({
        tenantId: text,
        payloads: list(members({ sourceId: text, expired: flag, raw: object, profile: optional(object) })),
        detectors: optional(list(text)),
        budgetMs: whole,
        signal,
      }),
    ],
    repeatable: true,
    timeoutMs: longMs,
  },
  reveal: { args: [contextCheck, text, text], repeatable: true },
};

/** Serves the normalizer of this process to others. `forks`: how forks of the canonical store cross. */
export const normalizerRoutes = (normalizer: Normalizer, forks: Handle): RpcService =>
  rpcService<NormalizerCalls>('normalizer', normalizerMethods, normalizer, [forks]);
