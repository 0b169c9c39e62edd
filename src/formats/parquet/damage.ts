/** A part of a file that cannot be read; the message is for users, and quotes nothing of the file. */
export class Damage extends Error {
  readonly reason: 'parse_error' | 'truncated' | 'row_too_large' | 'too_deep';
  constructor(message: string, reason: Damage['reason'] = 'parse_error') {
    super(message);
    this.reason = reason;
  }
}

/**
 * Runs a reading step; whatever the bytes made go wrong comes out as Damage. Reading behind the end of a buffer is a RangeError.
 */
export function guarded<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof RangeError) throw new Damage('It refers to bytes that are not there.');
    throw error;
  }
}
