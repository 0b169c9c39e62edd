import { ChartlyError, type Logger } from '#kit';
import type { Batch } from './batch-builder.ts';
import type { MappingTask } from './map-payload.ts';
import type { Mapper } from './mapper.ts';
import { MappingThread } from './mapping-thread.ts';

/** Threads that are started when they are first needed, and kept. A payload has its thread alone; the next one waits. */
export function createThreadMapper(setting: { threads: number; logger: Logger; stalledMs: number }): Mapper {
  const { threads, logger, stalledMs } = setting;
  const idle: MappingThread[] = [];
  const all = new Set<MappingThread>();
  const waiting: (() => void)[] = [];
  let closed = false;
  let busy = 0;

  async function take(): Promise<MappingThread> {
    // Who waits is handed the place of the one that ends.
    if (busy >= threads) await new Promise<void>((resolve) => waiting.push(resolve));
    else busy++;
    if (closed) throw new ChartlyError('cancelled', 'The normalizer is closing.', { retryable: true });
    let thread = idle.pop();
    // One that died while it had nothing to do.
    while (thread?.usable === false) thread = idle.pop();
    thread ??= new MappingThread(stalledMs);
    all.add(thread);
    return thread;
  }

  function giveBack(thread: MappingThread): void {
    if (thread.usable) idle.push(thread);
    else {
      all.delete(thread);
      if (!closed) logger.warn('a mapping thread ended and will be replaced');
    }
    const next = waiting.shift();
    if (next === undefined) busy--;
    else next();
  }

  return {
    async *map(task: MappingTask, open, vault): AsyncGenerator<Batch, void, undefined> {
      const thread = await take();
      try {
        yield* thread.map(task, open, vault);
      } finally {
        giveBack(thread);
      }
    },
    async close() {
      closed = true;
      for (const wake of waiting.splice(0)) wake();
      await Promise.all([...all].map((thread) => thread.close()));
    },
  };
}
