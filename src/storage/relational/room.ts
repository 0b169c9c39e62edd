/** Room on the disk of the embedded engine, which a write that finds none left kills or hangs. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ChartlyError } from '#kit';

/** Two segments of the engine's log. */
const reserveBytes = 32 * 1024 * 1024;
const lookEveryMs = 100;

/** Whether so little room is left that the engine may fail at anything. False when nobody can tell. */
export function isOutOfRoom(dir: string): boolean {
  return [dir, dirname(dir)].some((place) => {
    try {
      const { bavail, bsize } = statfsSync(place);
      return bavail * bsize < reserveBytes;
    } catch {
      return false;
    }
  });
}

/** A function that refuses, with `disk_full`, what may write while too little room is left. Reading goes on. */
export function createRoomGuard(dir: string): (text: string) => void {
  let lookedAt = -Infinity;
  let outOfRoom = false;
  return (text) => {
    if (/^\s*select\b/i.test(text)) return;
    const now = performance.now();
    if (now - lookedAt > lookEveryMs) {
      outOfRoom = isOutOfRoom(dir);
      lookedAt = now;
    }
    if (outOfRoom) throw tooLittle();
  };
}

function tooLittle(): ChartlyError {
  const megabytes = reserveBytes / 1024 / 1024;
  const message = `The disk of the relational store has less than ${megabytes} MB left, too little to write safely.`;
  return new ChartlyError('disk_full', message, { retryable: true });
}
