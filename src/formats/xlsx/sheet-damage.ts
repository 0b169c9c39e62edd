import type { ReasonCode } from '#contracts';

/** A workbook, or a part of it, that cannot be read; the message is for users, and quotes nothing of it. */
export class SheetDamage extends Error {
  readonly reason: ReasonCode;
  constructor(message: string, reason: ReasonCode = 'parse_error') {
    super(message);
    this.reason = reason;
  }
}
