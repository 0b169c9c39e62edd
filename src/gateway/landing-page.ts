// The page at `/`: what this installation holds, for people. No script, nothing loaded from elsewhere.
import type { Counts, Report, Run } from '#contracts';
import { html, type Html } from './html.ts';

export interface LandingData {
  tenantId: string;
  keyName: string;
  role: string;
  version: string;
  now: number;
  /** `stoppedBy`: the drift event that stopped it. */
  sources: { id: string; title: string; counts: Counts; stored: number; stoppedBy: string | undefined }[];
  runs: Run[];
  reports: { report: Report; appliedAt: string }[];
  ledger: { size: string; head: string };
}

/** For a visitor with a session. */
export function landingPage(data: LandingData): string {
  return pageOf(
    'Chartly',
    html`<header>
        <h1>Chartly</h1>
        <p class="who">tenant <b>${data.tenantId}</b> · signed in by key <b>${data.keyName}</b> (${data.role})</p>
        <nav aria-label="More">
          <a href="/docs">API reference</a><a href="/openapi.json">OpenAPI</a><a href="/metrics">Metrics</a>
          <form method="post" action="/session/end"><button class="quiet">Sign out</button></form>
        </nav>
      </header>
      <main>${reportsSection(data)} ${sourcesSection(data)} ${runsSection(data)} ${ledgerSection(data)}</main>
      <footer>Chartly ${data.version}</footer>`,
  );
}

function reportsSection({ reports }: LandingData): Html {
  if (reports.length === 0) return empty('Reports', 'No report is applied yet.');
  const cards = reports.map(
    ({ report }) =>
      html`<li>
        <a href="/v1/reports/${report.report}/render?format=html"><b>${report.title}</b></a>
        <p>${report.description ?? ''}</p>
        <p class="meta">${plural(report.sections.length, 'section')} · ${report.report}</p>
      </li>`,
  );
  return html`<section aria-labelledby="reports">
    <h2 id="reports">Reports</h2>
    <ul class="cards">
      ${cards}
    </ul>
  </section>`;
}

function sourcesSection({ sources }: LandingData): Html {
  if (sources.length === 0) return empty('Sources', 'No source is applied yet. Add one with `chartly apply`.');
  const rows = sources.map(
    ({ id, title, counts, stored, stoppedBy }) =>
      html`<tr>
        <th scope="row">${id}<span>${title}</span>${stoppedBy === undefined ? '' : stopped(stoppedBy)}</th>
        ${[counts.rows, stored, counts.records, counts.quarantined, counts.deduplicated, counts.skipped].map(
          (value, n) => html`<td class="${n === 3 && value > 0 ? 'warn' : ''}">${count(value)}</td>`,
        )}
      </tr>`,
  );
  return html`<section aria-labelledby="sources">
    <h2 id="sources">Sources</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="sources">
      <table>
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">Rows read</th>
            <th scope="col">Live records</th>
            <th scope="col">Records</th>
            <th scope="col">Quarantined</th>
            <th scope="col">Deduplicated</th>
            <th scope="col">Skipped</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    <p class="meta">Counts are of the payloads that are current; live records are what queries see now.</p>
  </section>`;
}

function stopped(driftId: string): Html {
  return html`<span class="stopped">stopped: <a href="/v1/drift/${driftId}">the upstream has changed</a></span>`;
}

function runsSection({ runs, now }: LandingData): Html {
  if (runs.length === 0) return empty('Latest runs', 'Nothing has run yet.');
  const rows = runs.map(
    (run) =>
      html`<tr>
        <th scope="row">
          <a href="/v1/runs/${run.run_id}">${run.source_id}</a>
        </th>
        <td class="text"><span class="state ${run.state}">${run.state}</span></td>
        <td class="text">
          <time datetime="${run.requested_at}">${ago(now - Date.parse(run.requested_at))}</time>
        </td>
        <td>${duration(run)}</td>
        <td>${count(run.counts.records)}</td>
        <td class="${run.counts.quarantined > 0 ? 'warn' : ''}">${count(run.counts.quarantined)}</td>
        <td>${count(run.pages)}</td>
      </tr>`,
  );
  return html`<section aria-labelledby="runs">
    <h2 id="runs">Latest runs</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="runs">
      <table>
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col" class="text">State</th>
            <th scope="col" class="text">Asked for</th>
            <th scope="col">Took</th>
            <th scope="col">Records</th>
            <th scope="col">Quarantined</th>
            <th scope="col">Payloads</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}

function ledgerSection({ ledger }: LandingData): Html {
  return html`<section aria-labelledby="ledger">
    <h2 id="ledger">Ledger</h2>
    <p><b>${ledger.size}</b> entries, hash-chained. Head <code>${ledger.head}</code></p>
    <p class="meta">Check everything with <code>chartly audit verify</code>.</p>
  </section>`;
}

const empty = (title: string, text: string): Html =>
  html`<section>
    <h2>${title}</h2>
    <p class="meta">${text}</p>
  </section>`;

/** For a visitor without one. `refused` says that the key they gave is not valid. */
export function signInPage(refused: boolean): string {
  return pageOf(
    'Chartly: sign in',
    html`<main class="sign-in">
      <h1>Chartly</h1>
      <p>From any upstream to a chart you can prove.</p>
      <form method="post" action="/session">
        <label for="key">API key</label>
        <input
          id="key"
          name="key"
          type="password"
          required
          autocomplete="current-password"
          spellcheck="false"
          placeholder="chk_…"
          autofocus
          ${refused ? html`aria-invalid="true" aria-describedby="refused"` : ''}
        />
        ${refused ? html`<p id="refused" class="refused" role="alert">This key is not valid.</p>` : ''}
        <button>Sign in</button>
      </form>
      <p class="meta">Make a key with <code>chartly key create</code>. <a href="/docs">API reference</a></p>
    </main>`,
  );
}

/**
 * Goes on to `/` by itself. Not an HTTP redirect: the cookie is SameSite=Strict, and a browser that came here from another site would not
 * send it along a redirect.
 */
export function signedInPage(): string {
  return pageOf(
    'Chartly',
    html`<main class="sign-in">
      <p>Signed in. <a href="/">Continue</a></p>
    </main>`,
    html`<meta http-equiv="refresh" content="0;url=/" />`,
  );
}

/** A page that says one thing. */
export function messagePage(title: string, text: string): string {
  return pageOf(
    title,
    html`<main class="sign-in">
      <h1>${title}</h1>
      <p>${text}</p>
      <p><a href="/">To the start page</a></p>
    </main>`,
  );
}

function pageOf(title: string, body: Html, head: Html = html``): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${head}
        <style>
          ${{ html: styles }}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html>`.html;
}

const numbers = new Intl.NumberFormat('en-US');
const count = (value: number): string => numbers.format(value);
const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${plural(Math.floor(seconds / 86_400), 'day')} ago`;
}

function duration({ started_at: start, ended_at: end }: Run): string {
  if (start === undefined || end === undefined) return '–';
  const ms = Date.parse(end) - Date.parse(start);
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const styles = `
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --paper: #f6f7f9; --card: #fff; --accent: #1f6feb; --warn: #9a4b00; --bad: #b3261e; --good: #1a7f4b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #2c3542; --paper: #11161d; --card: #19202a; --accent: #7fb2ff; --warn: #f0a35e; --bad: #ff8a80; --good: #6fd3a0; } }
* { box-sizing: border-box }
body { margin: 0; padding: 2rem max(1rem, calc((100% - 66rem) / 2)) 3rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
a { color: var(--accent) }
a:focus-visible, button:focus-visible, input:focus-visible, .scroll:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
h1 { margin: 0; font-size: 1.7rem; letter-spacing: -.02em } h2 { margin: 0 0 .75rem; font-size: 1.15rem }
header { display: grid; grid-template-columns: 1fr auto; gap: .25rem 1rem; align-items: center }
header .who { grid-row: 2; margin: 0; color: var(--soft) }
nav { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; grid-row: 1 / span 2; grid-column: 2 }
section { margin-top: 2.25rem } p { margin: .25rem 0 } .meta, footer { color: var(--soft); font-size: .875rem } footer { margin-top: 3rem }
.cards { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem }
.cards li { position: relative; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.1rem }
.cards li:hover { border-color: var(--accent) } .cards a { font-size: 1.05rem; text-decoration: none } .cards a::after { content: ''; position: absolute; inset: 0 }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; white-space: nowrap }
th, td { padding: .55rem 1rem; text-align: right; border-top: 1px solid var(--line) } thead th { border-top: 0; color: var(--soft); font-size: .8125rem; font-weight: 600 }
th:first-child, .text { text-align: left } tbody th { font-weight: 600 } tbody th span { display: block; color: var(--soft); font-weight: 400; font-size: .8125rem }
tbody th span.stopped { color: var(--bad) }
td.warn { color: var(--warn); font-weight: 600 }
.state { padding: .1rem .55rem; border: 1px solid currentColor; border-radius: 99px; font-size: .8125rem; color: var(--soft) }
.state.succeeded { color: var(--good) } .state.failed { color: var(--bad) } .state.quarantined { color: var(--warn) }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere }
button { font: inherit; font-weight: 600; padding: .55rem 1.1rem; border: 0; border-radius: 8px; background: #1a5fd0; color: #fff; cursor: pointer }
button.quiet { background: none; color: var(--accent); padding: 0; font-weight: 400; text-decoration: underline }
.sign-in { max-width: 26rem; margin: 12vh auto 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 2rem }
.sign-in form { display: grid; gap: .6rem; margin: 1.25rem 0 } label { font-weight: 600 }
input { font: inherit; padding: .55rem .7rem; border: 1px solid var(--soft); border-radius: 8px; background: var(--paper); color: var(--ink); width: 100% }
.refused { color: var(--bad); margin: 0 }
@media (max-width: 40rem) { header { grid-template-columns: 1fr } nav, header .who { grid-row: auto; grid-column: auto } }
`;
