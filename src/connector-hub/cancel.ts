import { ChartlyError } from '#kit';

/** What a stopped task throws: the reason itself when the stopper gave a ChartlyError. */
export function cancelledError(signal: AbortSignal): ChartlyError {
  if (signal.reason instanceof ChartlyError) return signal.reason;
  return new ChartlyError('cancelled', 'The fetch was stopped.', { retryable: true });
}

/** Throws when the task was stopped. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw cancelledError(signal);
}

/**
 * Resolves after at least `ms` milliseconds: a timer may fire up to one early, and a Retry-After is not to be undercut.
 * Rejects at once when the signal is aborted.
 */
export async function sleepAtLeast(ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  for (let left = ms; left > 0; left = end - performance.now()) await sleepOnce(left, signal);
}

function sleepOnce(ms: number, signal: AbortSignal): Promise<void> {
  // A longer delay than this overflows Node's timer and fires at once.
  const longest = 2 ** 31 - 1;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelledError(signal));
    const stop = () => {
      clearTimeout(timer);
      reject(cancelledError(signal));
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', stop);
        resolve();
      },
      Math.min(Math.ceil(ms), longest),
    );
    signal.addEventListener('abort', stop, { once: true });
  });
}
