import { join } from 'node:path';
import type { Io } from './io.ts';
import { progressLine } from './progress.ts';
import { paintState } from './show-run.ts';
import { table, type Column } from './table.ts';
import { count, fit, paint } from './text.ts';

type DemoEvent =
  | { type: 'stage'; text: string }
  | { type: 'run'; source: string; state: string; rows: number; records: number };

interface DemoSource {
  source: string;
  state: string;
  counts: { rows: number; records: number; quarantined: number; deduplicated: number };
  stored: number;
  error?: string;
}

export interface DemoSummary {
  signInUrl: string;
  sources: DemoSource[];
  reports: { id: string }[];
  ledger: { size: string; head: string };
  samples: { record?: { id: string; place: string; magnitude: number }; quarantinedId?: string };
  dataDir: string;
  seconds: number;
}

/** One live line for all sources, drawn also when nothing happens, so that a wait looks like one. */
export function demoProgress(io: Io): { onEvent: (event: DemoEvent) => void; end: () => void } {
  const line = progressLine(io);
  const runs = new Map<string, { state: string; rows: number }>();
  let stage = 'Starting';
  const draw = (): void => line.show(runs.size === 0 ? stage : `${stage}: ${describeRuns(runs)}`);
  const drawing = setInterval(draw, 120);
  return {
    onEvent(event) {
      if (event.type === 'stage') {
        stage = event.text;
        if (!io.liveErr) io.err(`${stage}\n`);
      } else {
        runs.set(event.source, { state: event.state, rows: event.rows });
      }
    },
    end() {
      clearInterval(drawing);
      line.clear();
    },
  };
}

/** `5 of 8 sources, 9,412 rows, waiting for flights, movies`. */
function describeRuns(runs: ReadonlyMap<string, { state: string; rows: number }>): string {
  const waiting: string[] = [];
  let rows = 0;
  for (const [source, run] of runs) {
    rows += run.rows;
    if (run.state === 'queued' || run.state === 'running') waiting.push(source);
  }
  const rest = waiting.length === 0 ? '' : `, waiting for ${waiting.sort().join(', ')}`;
  return `${runs.size - waiting.length} of ${runs.size} sources, ${count(rows)} rows${rest}`;
}

/** What happened, the link to open, what to try next, and how to stop. */
export function describeDemo(io: Io, demo: DemoSummary, serving: boolean): string {
  const { ledger, reports, seconds } = demo;
  const facts = [
    `${count(reports.length)} reports: ${reports.map(({ id }) => id).join(', ')}`,
    `Every row is accounted for in a ledger of ${count(Number(ledger.size))} entries, head ${fit(ledger.head, 17)}`,
    `Done in ${seconds.toFixed(1)} s`,
  ];
  const parts = [sourcesTable(io, demo.sources), facts.map((fact) => `${fact}.\n`).join('')];
  if (serving) parts.push(`Open  ${paint(io, 'cyan', demo.signInUrl)}\n      (signs in once, within ten minutes)\n`);
  parts.push(nextSteps(io, demo, serving));
  if (serving) parts.push('Stop with Ctrl-C; start again and nothing is ingested twice.\n');
  return parts.join('\n');
}

function sourcesTable(io: Io, sources: DemoSource[]): string {
  const failed = sources.some(({ error }) => error !== undefined);
  const columns: Column[] = [
    { title: 'source', whole: true },
    { title: 'state', whole: true, paint: (text) => paintState(io, text) },
    ...['rows', 'records', 'quarantined', 'deduplicated', 'stored'].map((title) => ({
      title,
      whole: true,
      align: 'right' as const,
      paint: (text: string) => (title === 'quarantined' && text !== '0' ? paint(io, 'yellow', text) : text),
    })),
    ...(failed ? [{ title: 'error' }] : []),
  ];
  const row = ({ source, state, counts, stored, error }: DemoSource): string[] => [
    source,
    state,
    ...[counts.rows, counts.records, counts.quarantined, counts.deduplicated, stored].map(count),
    error ?? '',
  ];
  return table(io, columns, sources.map(row));
}

function nextSteps(io: Io, { samples, dataDir }: DemoSummary, serving: boolean): string {
  const { record, quarantinedId } = samples;
  // Another terminal has neither our flags nor our variables.
  const data = dataDir === join(process.cwd(), '.chartly') ? '' : ` --data ${dataDir}`;
  const steps: [command: string, why: string][] = [];
  if (quarantinedId !== undefined) {
    steps.push([`quarantine show ${quarantinedId}`, 'a refused row: its bytes, the rule, what to do']);
  }
  if (record !== undefined) {
    const what = `magnitude ${record.magnitude}, ${record.place}`;
    steps.push([`trace ${record.id}`, `a number (${what}) back to its bytes`]);
  }
  steps.push(['report render climate -o climate.html', 'a report as one file']);
  const lines = steps.map(([command, why]) => `  ${paint(io, 'dim', `# ${why}`)}\n  npx chartly ${command}${data}\n`);
  return `Try next${serving ? ', in a second terminal' : ''}:\n${lines.join('')}`;
}
