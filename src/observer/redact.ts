// What may stand in a log line. Secrets have no business there, whoever logs them by mistake.

/** `key_id` and the like pass: only names that hold a secret itself are dropped. */
const secretName =
  /secret|passw(?:or)?d|passphrase|token|authorization|cookie|credential|api[-_]?key|private[-_]?key|session|ticket|signature/i;
const secretText = /chk_[A-Za-z0-9_-]+|\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/g;
const maxDepth = 4;
const maxText = 8192;

/** A copy of the fields that may be logged: fields named like secrets are gone, texts shaped like credentials are masked. */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redactObject(fields, 0);
}

function redactObject(value: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined || secretName.test(name)) continue;
    out[name] = redactValue(field, depth + 1);
  }
  return out;
}

/** Masks credentials inside a text. */
export function redactText(text: string): string {
  const short = text.length > maxText ? `${text.slice(0, maxText)}…` : text;
  return short.replace(secretText, (found) => (found.startsWith('chk_') ? 'chk_***' : `${found.split(/\s/)[0]} ***`));
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'object') return undefined;
  if (depth > maxDepth) return '…';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => redactValue(item, depth + 1));
  return redactObject(value, depth);
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: redactText(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}
