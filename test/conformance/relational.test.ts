import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createPgliteRelational, type Relational } from '#storage';
import { migrationsConformance } from './migrations.ts';
import { relationalConformance } from './relational.ts';

const dirs: string[] = [];
afterAll(async () => {
  for (const dir of dirs) await rm(dir, { recursive: true, force: true });
});

async function open(): Promise<Relational> {
  const dir = await mkdtemp(join(tmpdir(), 'chartly-pg-'));
  dirs.push(dir);
  return createPgliteRelational({ dir: join(dir, 'pg') });
}

relationalConformance('embedded', open);
migrationsConformance('embedded', open);
