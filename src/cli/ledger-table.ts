import type { LedgerEntryView } from '#contracts';
import type { Column } from './table.ts';
import { instant } from './text.ts';

export const entryColumns: Column[] = [
  { title: 'seq', align: 'right' },
  { title: 'at (UTC)' },
  { title: 'actor' },
  { title: 'action' },
  { title: 'outcome' },
  { title: 'resource' },
  { title: 'leaf' },
];

export function entryRow({ seq, leaf_hash, entry }: LedgerEntryView): string[] {
  return [seq, instant(entry.at), entry.actor, entry.action, entry.outcome, entry.resource, leaf_hash.slice(0, 16)];
}
