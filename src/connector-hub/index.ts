/**
 * Upstream connectivity: admits calls (breaker, per-domain concurrency, per-source and per-domain rate), fetches pages under a
 * total deadline and a decoded-size cap, and stores the bytes before it tells anyone about them.
 * It writes blobs and nothing else: what it returns is data that the orchestrator settles.
 */
import type { RawRef, Source } from '#contracts';

/** What a source remembers between runs. JSON; opaque to everyone but the hub. */
export interface SourceState {
  /** Validators and last payload by request key, for conditional requests. Bounded: only unpaged requests are kept. */
  requests: Record<string, { etag?: string; last_modified?: string; raw: RawRef }>;
  /** Where a run that was interrupted goes on. */
  resume?: { run_id: string; page: number; cursor: string };
}

export interface FetchTask {
  tenantId: string;
  runId: string;
  requestId: string;
  source: Source;
  /** As last settled; undefined before the first page of the first run. */
  state: SourceState | undefined;
  signal: AbortSignal;
}

export interface CapturedPage {
  /** The payload, durable in the blob store. For an unchanged page: the payload captured earlier. */
  raw: RawRef;
  /** The upstream said (304) or the file shows that nothing changed since `raw` was captured. */
  unchanged: boolean;
  /** To be stored in the same transaction as `raw`; a later task given this state goes on after this page. */
  state: SourceState;
  /** Of a first page whose body says where the next one is: that it does, that there is none (null, false, empty), or that there is no such member. */
  way?: 'found' | 'ended' | 'missing';
}

export interface DomainHealth {
  domain: string;
  breaker: 'closed' | 'half_open' | 'open';
  inFlight: number;
  failures: number;
}

export interface ConnectorInfo {
  name: string;
  title: string;
  description: string;
}

export interface ConnectorHub {
  /**
   * The pages of a source, one by one; the next request goes out only when the consumer asks for the next page, so nothing is
   * acknowledged that was not settled. Retries inside (Retry-After obeyed to the second, jittered backoff); throws a ChartlyError
   * when the retry policy is exhausted (`retryable` says whether a later attempt of the job may help): upstream_error,
   * upstream_unreachable, upstream_timeout, upstream_too_large, upstream_rejected, egress_denied, breaker_open, secret_missing, not_found (file).
   */
  fetch(task: FetchTask): AsyncIterable<CapturedPage>;
  /** The connectors there are, for listings and validation. */
  connectors(): Promise<ConnectorInfo[]>;
  /** Of every process that fetches. */
  health(): Promise<DomainHealth[]>;
}

export { createConnectorHub } from './hub.ts';
export { createRemoteHub } from './remote.ts';
export { hubRoutes } from './routes.ts';
