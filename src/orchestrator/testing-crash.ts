/**
 * The process that crash.test.ts kills: `node testing-crash.ts DIR RUNS` asks for runs until each source has had RUNS of them, and works until all have ended.
 * Prints `ready` once it takes jobs, and `done` at the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { context, crashSources, crashWorld, documents, openHouse } from './testing.ts';

const [dir = '', runs = '1'] = process.argv.slice(2);
const house = await openHouse(dir);
for (const [source, pages] of crashWorld()) {
  house.world.upstreams.set(source, {
    pages,
    forgetful: source === 'three',
    before: () => sleep(5 + Math.random() * 30),
  });
}
house.world.beforeNormalize = () => sleep(5 + Math.random() * 30);

const { orchestrator } = house;
await orchestrator.apply(context, documents(crashSources));
await orchestrator.start();
process.stdout.write('ready\n');
for (const sourceId of crashSources) {
  const { items } = await orchestrator.runs('default', { sourceId, limit: 500 });
  for (let n = items.length; n < Number(runs); n++) await orchestrator.ingest(context, sourceId, 'cli');
}
for (const { run_id } of (await orchestrator.runs('default', { limit: 500 })).items) {
  await orchestrator.waitForRun('default', run_id);
}
process.stdout.write('done\n');
await house.close();
