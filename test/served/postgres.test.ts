// The relational plane on a PostgreSQL server: what the port promises, and what only a server far away can do to it.
import { relationalConformance } from '../conformance/relational.ts';
import { createPostgresRelational } from '#storage';
import { newDatabase, startPostgres } from './services/postgres.ts';
import { afterAll } from 'vitest';

const server = await startPostgres();
afterAll(() => server.stop());

relationalConformance('PostgreSQL', async () => createPostgresRelational({ url: await newDatabase(server) }));
