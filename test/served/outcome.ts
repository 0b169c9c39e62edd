// What of a demo must be the same wherever it runs, as its API tells it.
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { AuditEntry, Health } from '#contracts';

export interface Outcome {
  engine: string | undefined;
  totals: unknown;
  quarantine: unknown;
  /** Of each batch: where it came from and the root over the hashes of its records. */
  batches: string[];
  /** By report and format: SHA-256 of charts, and JSON without the moment and the ledger of this rendering. */
  reports: Record<string, unknown>;
  verified: unknown;
}

export interface Api {
  ask: (path: string, init?: RequestInit) => Promise<Response>;
  json: <T>(path: string, init?: RequestInit) => Promise<T>;
}

export function apiOf(url: string, apiKey: string): Api {
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${apiKey}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(`${url}/v1/${path}`, { ...init, headers });
    expect(response.status, path).toBeLessThan(300);
    return response;
  };
  return { ask, json: async (path, init) => (await (await ask(path, init)).json()) as never };
}

export async function outcomeOf({ ask, json }: Api): Promise<Outcome> {
  const reports: Record<string, unknown> = {};
  const known = await json<{ items: { report: { report: string } }[] }>('reports');
  for (const id of known.items.map(({ report }) => report.report).toSorted()) {
    const svg = Buffer.from(await (await ask(`reports/${id}/render?format=svg`)).arrayBuffer());
    reports[`${id}.svg`] = createHash('sha256').update(svg).digest('hex');
    reports[`${id}.json`] = JSON.parse(await (await ask(`reports/${id}/render?format=json`)).text(), withoutMoment);
  }
  const { items } = await json<{ items: { entry: AuditEntry }[] }>('audit/entries?limit=1000');
  const { stores } = await json<Health>('health');
  return {
    engine: stores.find(({ store }) => store === 'relational')?.engine,
    totals: await json('totals'),
    quarantine: await json('quarantine/summary'),
    batches: items
      .filter(({ entry }) => entry.action === 'batch.normalized')
      .map(({ entry: { details } }) => JSON.stringify(details))
      .toSorted(),
    reports,
    verified: await json('audit/verify', { method: 'POST' }),
  };
}

/** What of a report says when it was rendered, and by what ledger. */
const ofTheMoment = /^(?:rendered_at|as_of|data_version|ledger_size|ledger_head)$/;

function withoutMoment(key: string, value: unknown): unknown {
  return ofTheMoment.test(key) ? undefined : value;
}
