/**
 * Structured logs (contract telemetry/log) and Prometheus metrics. No payload data, secret or personal data gets in:
 * fields named like secrets are dropped, values are ids, numbers and codes.
 */
import type { Logger } from '#kit';

export interface Metrics {
  /** Seed metrics: records written, by source and outcome. */
  ingested(
    labels: { tenant_id: string; source_id: string; outcome: 'records' | 'quarantined' | 'deduplicated' | 'skipped' },
    count: number,
  ): void;
  /** One job ended. */
  jobEnded(labels: { kind: string; outcome: 'succeeded' | 'retried' | 'dead' | 'cancelled' }, seconds: number): void;
  /** One upstream call ended. */
  upstreamCall(labels: { domain: string; outcome: string }, seconds: number): void;
  /** One HTTP request to the gateway ended. */
  request(labels: { method: string; route: string; status: number }, seconds: number): void;
  queueDepth(labels: { queue: string }, depth: number): void;
  /** 0 closed, 1 half-open, 2 open. */
  breakerState(labels: { domain: string }, state: 0 | 1 | 2): void;
  error(labels: { service: string; code: string }): void;
  /** The rows of a source came to look other than they did. */
  drift(labels: { tenant_id: string; source_id: string; severity: 'info' | 'warning' | 'breaking' }): void;
}

export interface Observer {
  logger: Logger;
  metrics: Metrics;
  /** Prometheus text exposition (OpenMetrics-compatible names). */
  exposition(): Promise<{ contentType: string; body: string }>;
}

export interface ObserverOptions {
  env: string;
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where log lines go (default stderr). */
  destination?: { write(line: string): void };
}

export { createObserver } from './observer.ts';
