import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '#kit';
import { openTestRelational } from '#storage';
import { createQueue } from './queue.ts';

it('is made once by several that start together on an empty store', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-queue-'));
  const relational = await openTestRelational(join(dir, 'pg'));
  const timing = { heartbeatSeconds: 10, monitorSeconds: 2 };
  const queues = Array.from({ length: 4 }, () => createQueue({ relational, logger: silentLogger, timing }));
  try {
    await Promise.all(queues.map((queue) => queue.start()));
    expect(await relational.query('select name from pgboss.queue order by name')).toEqual([
      { name: 'fetch' },
      { name: 'normalize' },
    ]);
  } finally {
    for (const queue of queues) await queue.stop();
    await relational.close();
    await rm(dir, { recursive: true, force: true });
  }
});
