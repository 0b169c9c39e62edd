import { check, contextCheck, longMs, rpcService, type MethodTable, type RpcService } from '#kit';
import type { Orchestrator } from './index.ts';

const { text, whole, flag, object, signal, callback, optional, members, list, contract, anything } = check;

/** Starting and stopping is for the process that created it. */
type OrchestratorCalls = Omit<Orchestrator, 'start' | 'stop'>;

const document = members({ kind: text, file: optional(text), spec: anything });
const page = { limit: optional(whole), after: optional(text) };
const range = { sourceId: text, profileVersion: optional(text), from: optional(text), to: optional(text) };
const promoted = { profileId: text, version: text };

/** How the control plane is called from other processes. */
export const orchestratorMethods: MethodTable<OrchestratorCalls> = {
  apply: {
    args: [contextCheck, list(document), optional(members({ dryRun: optional(flag), stage: optional(flag) }))],
    repeatable: false,
    timeoutMs: 120_000,
  },
  promote: { args: [contextCheck, members({ ...promoted, replay: optional(flag) })], repeatable: false },
  previewPromotion: { args: [text, members(promoted)], repeatable: true, timeoutMs: longMs },
  sources: { args: [text], repeatable: true },
  profiles: { args: [text], repeatable: true },
  reports: { args: [text], repeatable: true },
  report: { args: [text, text], repeatable: true },
  ingest: { args: [contextCheck, text, text], repeatable: false },
  replay: { args: [contextCheck, members(range)], repeatable: false },
  recover: { args: [contextCheck, text, optional(text)], repeatable: false },
  previewReplay: {
    args: [text, members({ ...range, profile: optional(contract('profiles/profile')) })],
    repeatable: true,
    timeoutMs: longMs,
  },
  previewRecovery: {
    args: [text, members({ sourceId: optional(text), profile: optional(object) })],
    repeatable: true,
    timeoutMs: longMs,
  },
  diffProfiles: {
    args: [text, members({ a: object, b: object, sourceId: optional(text) })],
    repeatable: true,
    timeoutMs: longMs,
  },
  scan: {
    args: [
      contextCheck,
      members({
        sourceId: optional(text),
        detectors: optional(list(text)),
        from: optional(text),
        to: optional(text),
        after: optional(text),
      }),
      optional(signal),
    ],
    repeatable: false,
    timeoutMs: longMs,
  },
  run: { args: [text, text], repeatable: true },
  runs: {
    args: [text, optional(members({ sourceId: optional(text), state: optional(text), ...page }))],
    repeatable: true,
  },
  waitForRun: {
    args: [text, text, optional(members({ signal: optional(signal), onChange: optional(callback) }))],
    repeatable: true,
    timeoutMs: longMs,
  },
  cancel: { args: [contextCheck, text], repeatable: true },
  retry: { args: [contextCheck, text], repeatable: false },
  deadLetters: { args: [text, optional(members({ state: optional(text), ...page }))], repeatable: true },
  retryDeadLetter: { args: [contextCheck, text], repeatable: false },
  discardDeadLetter: { args: [contextCheck, text, text], repeatable: false },
  retain: {
    args: [text, members({ sourceId: optional(text), dryRun: optional(flag) })],
    repeatable: true,
    timeoutMs: longMs,
  },
  drifts: {
    args: [
      text,
      optional(members({ sourceId: optional(text), state: optional(text), severity: optional(text), ...page })),
    ],
    repeatable: true,
  },
  drift: { args: [text, text], repeatable: true },
  acceptDrift: { args: [contextCheck, text], repeatable: false },
  ignoreDrift: { args: [contextCheck, text], repeatable: false },
  totals: { args: [text], repeatable: true },
  health: { args: [], repeatable: true },
};

/** Serves the control plane of this process to others. */
export const orchestratorRoutes = (orchestrator: Orchestrator): RpcService =>
  rpcService<OrchestratorCalls>('orchestrator', orchestratorMethods, orchestrator);
