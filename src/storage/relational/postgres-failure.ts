/** A PostgreSQL error as plain data: `code` is its SQLSTATE. */
export interface PostgresFailure {
  message: string;
  /** The engine did not survive it. */
  fatal?: boolean;
  code?: string;
  detail?: string;
  hint?: string;
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
  where?: string;
  routine?: string;
}

const fields = ['code', 'detail', 'hint', 'schema', 'table', 'column', 'constraint', 'where', 'routine'] as const;

/** What a driver's error says, as plain data. */
export function postgresFailure(error: unknown): PostgresFailure {
  const said = error as Record<string, unknown>;
  const failure: PostgresFailure = { message: error instanceof Error ? error.message : String(error) };
  for (const field of fields) {
    if (typeof said[field] === 'string') failure[field] = said[field];
  }
  return failure;
}
