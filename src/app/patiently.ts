import { setTimeout as sleep } from 'node:timers/promises';
import { ChartlyError } from '#kit';

const pauseMs = 500;

/** Repeats what fails because a server is not there yet: the processes of an installation start in any order. Throws the last error. */
export async function patiently<T>(work: () => Promise<T>, forMs: number): Promise<T> {
  for (const until = Date.now() + forMs; ;) {
    try {
      return await work();
    } catch (error) {
      const away = error instanceof ChartlyError && /^(?:storage|service)_unavailable$/.test(error.code);
      if (!away || Date.now() > until) throw error;
      await sleep(pauseMs);
    }
  }
}
