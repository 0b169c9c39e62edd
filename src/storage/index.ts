/**
 * The four planes behind four ports: blobs (raw payloads and artifacts), canonical records, relational metadata,
 * cache. Services know the ports; `app/compose.ts` alone picks the engines.
 */
export type { BlobStore, BlobInfo, PutOptions, ByteRange } from './blob/port.ts';
export type {
  CanonicalFork,
  CanonicalStore,
  CanonicalRecord,
  RecordBatch,
  RetireScope,
  WriteResult,
  StoredRecord,
  TabularResult,
  ReadQuery,
  RecordChange,
  RecordChanges,
} from './canonical/port.ts';
export type { Relational, Sql, Row, Param } from './relational/port.ts';
export type { Cache } from './cache/port.ts';
export { createKeyStore, type KeyStore, type KeptToken } from './relational/key-store.ts';
export { createFileBlobStore } from './blob/file.ts';
export { createMemoryCache } from './cache/memory.ts';
export { createPgliteRelational } from './relational/pglite.ts';
export { createClickHouseStore } from './canonical/clickhouse.ts';
export { startEmbeddedClickHouse } from './canonical/embedded.ts';
export {
  lockDataDirectory,
  readDataDirectoryOwner,
  type DataDirectoryLock,
  type DataDirectoryOwner,
} from './data-directory-lock.ts';
