import { expect, it } from 'vitest';
import { contentTypeOfPath } from './content-type.ts';

it.each([
  ['data/feed.XML', 'application/xml'],
  ['orders.tsv', 'text/tab-separated-values'],
  // What the bytes are, not what they hold.
  ['orders.csv.gz', 'application/gzip'],
  ['orders.csv.zst', 'application/zstd'],
  ['2026/orders.zip', 'application/zip'],
  ['orders', 'application/octet-stream'],
  ['orders.constructor', 'application/octet-stream'],
])('%s is taken for %s', (path, type) => {
  expect(contentTypeOfPath(path)).toBe(type);
});
