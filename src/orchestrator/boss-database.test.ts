import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestRelational, type Relational } from '#storage';
import { bossDatabase, bossTransaction } from './boss-database.ts';

let dir: string;
let relational: Relational;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chartly-boss-'));
  relational = await openTestRelational(join(dir, 'pg'));
});
afterAll(async () => {
  await relational.close();
  await rm(dir, { recursive: true, force: true });
});

const failing = (code: string): string => `do $$ begin raise exception using errcode = '${code}'; end $$`;

describe.each([
  ['by itself', (text: string) => bossDatabase(relational).executeSql(text)],
  ['in a transaction', (text: string) => relational.transaction((tx) => bossTransaction(tx).executeSql(text))],
])('what the queue hears of a statement %s', (_, run) => {
  it('that was refused is its SQLSTATE', async () => {
    await expect(run(failing('23505'))).rejects.toMatchObject({ code: '23505' });
  });

  it('that the store could not run now is just that', async () => {
    await expect(run(failing('57P01'))).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true });
    await expect(run(failing('53100'))).rejects.toMatchObject({ code: 'disk_full', retryable: true });
  });
});
