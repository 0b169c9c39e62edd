// One whole pass of the demo over a data directory, then a verification; prints one JSON line. The victim of kill.ts.
import { runDemo } from '#app';

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('usage: demo-process.ts DATA_DIR');

const demo = await runDemo({ dataDir, port: 0 });
const headers = { authorization: `Bearer ${demo.apiKey}` };
const verified = await fetch(`${demo.url}/v1/audit/verify`, { method: 'POST', headers });
const summary = await fetch(`${demo.url}/v1/quarantine/summary`, { headers });
const { ok, findings } = (await verified.json()) as { ok: boolean; findings: unknown[] };
const { items } = (await summary.json()) as { items: { source_id: string; count: number }[] };
process.stdout.write(`${JSON.stringify({ sources: demo.sources, ok, findings, quarantine: items })}\n`);
await demo.stop();
