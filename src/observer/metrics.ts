import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Metrics } from './index.ts';

const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const upstreamSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const jobSeconds = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600];

/** The metrics of one process, in a registry of its own, so that two of them in one process do not mix. */
export function createMetrics(): { metrics: Metrics; registry: Registry } {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const ingested = new Counter({
    name: 'chartly_ingest_candidates_total',
    help: 'Candidate records by what became of them.',
    labelNames: ['tenant_id', 'source_id', 'outcome'],
    registers,
  });
  const jobs = new Histogram({
    name: 'chartly_job_duration_seconds',
    help: 'Time from the start of a job to its end.',
    labelNames: ['kind', 'outcome'],
    buckets: jobSeconds,
    registers,
  });
  const upstream = new Histogram({
    name: 'chartly_upstream_call_duration_seconds',
    help: 'Time of one call to an upstream.',
    labelNames: ['domain', 'outcome'],
    buckets: upstreamSeconds,
    registers,
  });
  const requests = new Histogram({
    name: 'chartly_http_request_duration_seconds',
    help: 'Time of one HTTP request to the gateway.',
    labelNames: ['method', 'route', 'status'],
    buckets: requestSeconds,
    registers,
  });
  const depth = new Gauge({
    name: 'chartly_queue_depth_jobs',
    help: 'Jobs that wait on a queue.',
    labelNames: ['queue'],
    registers,
  });
  const breaker = new Gauge({
    name: 'chartly_breaker_state',
    help: 'Breaker of an upstream domain: 0 closed, 1 half-open, 2 open.',
    labelNames: ['domain'],
    registers,
  });
  const errors = new Counter({
    name: 'chartly_errors_total',
    help: 'Errors by service and code.',
    labelNames: ['service', 'code'],
    registers,
  });
  const drift = new Counter({
    name: 'chartly_drift_events_total',
    help: 'Changes of the shape of a source, by severity.',
    labelNames: ['tenant_id', 'source_id', 'severity'],
    registers,
  });
  return {
    registry,
    metrics: {
      ingested: (labels, count) => ingested.inc(labels, count),
      jobEnded: (labels, seconds) => jobs.observe(labels, seconds),
      upstreamCall: (labels, seconds) => upstream.observe(labels, seconds),
      request: (labels, seconds) => requests.observe(labels, seconds),
      queueDepth: (labels, value) => depth.set(labels, value),
      breakerState: (labels, state) => breaker.set(labels, state),
      error: (labels) => errors.inc(labels),
      drift: (labels) => drift.inc(labels),
    },
  };
}
