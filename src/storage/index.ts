/**
 * The four planes behind four ports: blobs (raw payloads and artifacts), canonical records, relational metadata,
 * cache. Services know the ports; `app/compose.ts` alone picks the engines.
 */
export type { BlobStore, BlobInfo, PutOptions, ByteRange } from './blob/port.ts';
export type {
  CanonicalFork,
  CanonicalStore,
  CanonicalRecord,
  EncodedBatch,
  EncodedRecords,
  ExpiryScope,
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
export { appliedLayer } from './payload/applied-layer.ts';
export { type Archive, openArchive } from './payload/archive.ts';
export { archiveFiles, decodePayload, decodedBytes } from './payload/decode.ts';
export { isDamage, layerOf, nextFile } from './payload/layer.ts';
export type { Compression, DecodedPiece, PayloadDamage, PayloadLayer } from './payload/layer.ts';
export { readPayloadRange } from './payload/read-range.ts';
export { createKeyStore, type KeyStore, type KeptToken } from './relational/key-store.ts';
export { createFileBlobStore } from './blob/file.ts';
export { createMemoryCache } from './cache/memory.ts';
export { createPgliteRelational } from './relational/pglite.ts';
export { createPostgresRelational } from './relational/postgres.ts';
export { openTestRelational, testPostgresUrl } from './relational/testing.ts';
export { createRecordEncoder, type RecordEncoder } from './canonical/native.ts';
export { decodeBlock as decodeRecords } from './canonical/native-decode.ts';
export { createClickHouseStore } from './canonical/clickhouse.ts';
export { forkHandle } from './canonical/fork-handle.ts';
export { createExclusion } from './relational/exclusion.ts';
export { startEmbeddedClickHouse } from './canonical/embedded.ts';
export {
  lockDataDirectory,
  readDataDirectoryOwner,
  type DataDirectoryLock,
  type DataDirectoryOwner,
} from './data-directory-lock.ts';
