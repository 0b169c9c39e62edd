/** Fields that every log line may carry (the contract telemetry/log); values are ids and numbers, never payload data. */
export interface LogFields {
  tenant_id?: string;
  request_id?: string;
  job_id?: string;
  source_id?: string;
  [field: string]: unknown;
}

/** A constant message plus fields. `error` means that an operator must act. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger for another service of the house. */
  child(service: string): Logger;
}

/** Drops everything; for tests and for commands that print their own result. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
