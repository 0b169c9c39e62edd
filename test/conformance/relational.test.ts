import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPgliteRelational } from '#storage';
import { relationalConformance } from './relational.ts';

relationalConformance('embedded', async () =>
  createPgliteRelational({ dir: join(await mkdtemp(join(tmpdir(), 'chartly-pg-')), 'pg') }),
);
