export type Row = Record<string, unknown>;
/** Objects are passed as JSON text by the caller; `Uint8Array` is bytea; dates are ISO text. */
export type Param = string | number | bigint | boolean | null | Uint8Array | readonly string[] | readonly number[];

/** Something that runs PostgreSQL statements: the store itself, or one transaction of it. */
export interface Sql {
  /** Runs one statement with $1… parameters. int8 comes back as text, timestamptz as RFC 3339 text with milliseconds (isoMs), jsonb parsed. */
  query<T extends Row = Row>(text: string, params?: readonly Param[]): Promise<T[]>;
  /** As `query`, but the number of rows that the statement changed. */
  execute(text: string, params?: readonly Param[]): Promise<number>;
}

/** The relational plane: PostgreSQL semantics, embedded (PGlite) or served. Schema: ./migrations. */
export interface Relational extends Sql {
  /**
   * Runs `work` in one transaction (read committed) and commits when it resolves; rolls back when it throws, and
   * rethrows. Transactions do not nest; `work` must use only the `tx` that it is given.
   */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
  /**
   * Runs several statements without parameters (migrations, DDL, the queue's `BEGIN; …; COMMIT` blocks) on one connection, and returns the rows of all of
   * them, in order. When one fails inside such a block, the block is rolled back before this throws.
   */
  script(text: string): Promise<Row[]>;
  /** Which engine, for pg-boss's adapter alone. */
  readonly engine: 'pglite' | 'postgres';
  /** Applies migrations not yet applied, in order, each in a transaction, under a lock. */
  migrate(): Promise<void>;
  /** Throws `storage_unavailable` when the engine does not answer. */
  health(): Promise<void>;
  close(): Promise<void>;
}
