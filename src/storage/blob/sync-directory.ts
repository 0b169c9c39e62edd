import { open } from 'node:fs/promises';

/**
 * Makes a directory's entries durable. Calls for one directory that wait at the same time share one sync; a call never
 * shares a sync that had begun before it.
 */
export function createDirectorySync(): (path: string) => Promise<void> {
  const waiting = new Map<string, Promise<void>>();
  const running = new Map<string, Promise<void>>();

  async function start(path: string): Promise<void> {
    await running.get(path)?.catch(() => {});
    waiting.delete(path);
    const sync = syncNow(path);
    running.set(path, sync);
    try {
      await sync;
    } finally {
      if (running.get(path) === sync) running.delete(path);
    }
  }

  return (path) => {
    let turn = waiting.get(path);
    if (turn === undefined) {
      turn = start(path);
      waiting.set(path, turn);
    }
    return turn;
  };
}

async function syncNow(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
