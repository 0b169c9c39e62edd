import { hash } from 'node:crypto';
import type { RecordKind } from '#contracts';

/** Makes record ids: shortId(['record', tenant, source, kind, ...key]), with what a payload's records share hashed from a prepared text. */
export function recordIds(tenantId: string, sourceId: string): (kind: RecordKind, key: readonly string[]) => string {
  const start = part('record') + part(tenantId) + part(sourceId);
  const starts = { metric: start + part('metric'), event: start + part('event'), entity: start + part('entity') };
  return (kind, key) => {
    let text = starts[kind];
    for (const value of key) text += `${value.length}:${value}`;
    return hash('sha256', text, 'hex').slice(0, 32);
  };
}

function part(text: string): string {
  return `${text.length}:${text}`;
}
