import { hash } from 'node:crypto';
import type { RecordKind } from '#contracts';

export type RecordIds = (kind: RecordKind, key: readonly string[]) => string;

/**
 * Makes record ids: shortId(['record', tenant, source, kind, ...key]), with what a payload's records share hashed from a prepared text.
 * Under a policy `digest` is a keyed hash, as anyone could guess at keys that are e-mail addresses.
 */
export function recordIds(
  tenantId: string,
  sourceId: string,
  digest: (text: string) => string = (text) => hash('sha256', text, 'hex'),
): RecordIds {
  const start = part('record') + part(tenantId) + part(sourceId);
  const starts = { metric: start + part('metric'), event: start + part('event'), entity: start + part('entity') };
  return (kind, key) => {
    let text = starts[kind];
    for (const value of key) text += `${value.length}:${value}`;
    return digest(text).slice(0, 32);
  };
}

function part(text: string): string {
  return `${text.length}:${text}`;
}
