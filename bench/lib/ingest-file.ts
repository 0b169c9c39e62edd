// Ingests one NDJSON file through the whole pipeline in a process of its own. usage: ingest-file.ts WORKSPACE FILE
import { join } from 'node:path';
import { readConfig, serve } from '#app';
import type { RequestContext } from '#kit';
import { earthquakeProfile } from './earthquakes.ts';

const [workspaceDir, path] = process.argv.slice(2);
if (workspaceDir === undefined || path === undefined) throw new Error('usage: ingest-file.ts WORKSPACE FILE');
const context: RequestContext = { tenantId: 'default', actor: 'cli', requestId: 'bench' };
const config = readConfig({}, { dataDir: join(workspaceDir, 'data'), workspaceDir, port: 0, logLevel: 'error' });
const serving = await serve(config);
const { system } = serving;
await system.orchestrator.apply(context, [
  { kind: 'profile', spec: earthquakeProfile },
  { kind: 'source', spec: { source: 'bench', connector: 'file', profile: 'bench', file: { path } } },
]);
const asked = await system.orchestrator.ingest(context, 'bench', 'cli');
const run = await system.orchestrator.waitForRun('default', asked.run_id);
process.stdout.write(JSON.stringify({ state: run.state, records: run.counts.records }));
await serving.stop();
