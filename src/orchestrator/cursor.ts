import { ChartlyError } from '#kit';

/** Where a list, newest first, goes on: the time and the id of the last row given. */
export interface Position {
  at: string;
  id: string;
}

const shape = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([0-9a-f-]{32,36})$/;

export function encodeCursor(position: Position): string {
  return Buffer.from(`${position.at} ${position.id}`).toString('base64url');
}

/** Errors: `bad_request` when the text is no cursor of ours. */
export function decodeCursor(text: string): Position {
  const match = shape.exec(Buffer.from(text, 'base64url').toString('latin1'));
  if (match === null || Number.isNaN(Date.parse(match[1]!))) {
    throw new ChartlyError('bad_request', 'The cursor `after` is not one that this list gave.', {
      action: 'Take `next` of the page before, or leave `after` out.',
    });
  }
  return { at: match[1]!, id: match[2]! };
}

/** Lists answer with at most 500 items. */
export function pageSize(limit: number | undefined): number {
  return Math.max(1, Math.min(500, Math.trunc(limit ?? 50)));
}
