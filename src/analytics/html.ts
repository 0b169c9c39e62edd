// A report as one page that needs nothing else: no script, no load, readable in print, in the dark and by a screen reader.
import type { QueryResult, Report } from '#contracts';
import type { Evidence, SectionResult } from './analytics.ts';
import type { Json } from './chart-spec.ts';
import { escapeMarkup } from './escape.ts';
import { pageStyle } from './html-style.ts';
import { renderChart } from './render-chart.ts';
import { localText } from './time-zone.ts';

/** Rows of a table beside a chart; the whole is in the CSV and JSON formats. */
const maxTableRows = 500;

export async function renderHtml(report: Report, results: SectionResult[], evidence: Evidence): Promise<string> {
  const sections: string[] = [];
  for (const [i, item] of results.entries()) sections.push(await renderSection(item, `s${i}`));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Chartly">
<title>${escapeMarkup(report.title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${escapeMarkup(report.title)}</h1>
${report.description === undefined ? '' : `<p class="lead">${escapeMarkup(report.description)}</p>`}
${facts(evidence)}
</header>
<main>
${sections.join('\n')}
</main>
${footer(evidence)}
</body>
</html>
`;
}

function facts(evidence: Evidence): string {
  const items: [string, string][] = [
    [
      'As of',
      `<time datetime="${evidence.as_of}">${localText(Math.floor(Date.parse(evidence.as_of) / 1000) * 1000, evidence.timezone)}</time>`,
    ],
    ['Time zone', escapeMarkup(evidence.timezone)],
    ['Data version', `<code>${escapeMarkup(evidence.data_version)}</code>`],
    [
      'Ledger',
      `${escapeMarkup(evidence.ledger_size)} entries, head <code title="${evidence.ledger_head}">${evidence.ledger_head.slice(0, 12)}</code>`,
    ],
  ];
  return `<dl class="facts">${items.map(([term, text]) => `<div><dt>${term}</dt><dd>${text}</dd></div>`).join('')}</dl>`;
}

async function renderSection({ section, result }: SectionResult, idPrefix: string): Promise<string> {
  const title = section.title ?? section.id;
  const parts = [`<h2 id="${idPrefix}-title">${escapeMarkup(title)}</h2>`];
  if (section.text !== undefined) parts.push(`<p>${escapeMarkup(section.text)}</p>`);
  if (result.rows.length === 0) parts.push('<p class="empty">No records answer this question yet.</p>');
  else {
    if (section.chart !== undefined) {
      const description = section.text === undefined ? title : `${title}. ${section.text}`;
      const svg = await renderChart(section.chart as Json, result, { description, idPrefix });
      parts.push(`<figure>${svg}</figure>`);
    }
    const open = section.table ?? section.chart === undefined;
    const many = `${integer(result.rows.length)} ${result.rows.length === 1 ? 'row' : 'rows'}`;
    parts.push(
      open ? table(result, title) : `<details><summary>Data: ${many}</summary>${table(result, title)}</details>`,
    );
  }
  if (result.truncated) {
    parts.push(
      `<p class="note">Cut at the first ${integer(result.rows.length)} rows: the query's limit leaves out the rest.</p>`,
    );
  }
  return `<section aria-labelledby="${idPrefix}-title">${parts.join('\n')}</section>`;
}

function table(result: QueryResult, caption: string): string {
  const { columns } = result;
  const numeric = columns.map((c) => c.type === 'number' || c.type === 'integer');
  const head = columns
    .map((c, i) => `<th scope="col"${numeric[i] ? ' class="n"' : ''}>${escapeMarkup(c.name.replaceAll('_', ' '))}</th>`)
    .join('');
  const rows = result.rows.slice(0, maxTableRows).map((row) => {
    const cells = row.map(
      (cell, i) => `<td${numeric[i] ? ' class="n"' : ''}>${cellText(cell, columns[i]!.type, result.timezone)}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  const rest = result.rows.length - rows.length;
  const note = rest > 0 ? `<p class="note">And ${integer(rest)} more: the CSV and JSON formats have them all.</p>` : '';
  return `<div class="table" tabindex="0"><table><caption>${escapeMarkup(caption)}</caption><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>${note}`;
}

function cellText(cell: string | number | null, type: QueryResult['columns'][number]['type'], zone: string): string {
  if (cell === null) return '<span class="none" title="no value">–</span>';
  if (typeof cell === 'number') return decimal(cell);
  return type === 'time' ? `<time datetime="${cell}">${localText(Date.parse(cell), zone)}</time>` : escapeMarkup(cell);
}

/** For reading: six significant digits at most behind the point; the exact number is in CSV and JSON. */
function decimal(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return integer(value);
  const rounded = Math.abs(value) >= 1e5 && Math.abs(value) < 1e15 ? Math.round(value) : Number(value.toPrecision(6));
  return Number.isInteger(rounded) ? integer(rounded) : String(rounded).replace(/^-/, '−');
}

/** Thousands are set apart from five digits on, so that years stay years. */
function integer(value: number): string {
  const digits = String(Math.abs(value));
  const grouped = digits.length > 4 && !digits.includes('e') ? digits.replaceAll(/\B(?=(\d{3})+$)/g, ',') : digits;
  return value < 0 ? `−${grouped}` : grouped;
}

function footer(evidence: Evidence): string {
  const rows = evidence.inputs.flatMap((input) =>
    input.sources.map(
      (source) =>
        `<tr><td>${escapeMarkup(input.section)}</td><td>${escapeMarkup(source.source_id)}</td><td>${source.profiles.map(escapeMarkup).join(', ')}</td><td class="n">${integer(source.records)}</td><td><code title="${source.records_digest}">${source.records_digest.slice(0, 16)}</code></td></tr>`,
    ),
  );
  return `<footer>
<h2>What these numbers rest on</h2>
<div class="table" tabindex="0"><table><thead><tr><th scope="col">Section</th><th scope="col">Source</th><th scope="col">Profile</th><th scope="col" class="n">Records</th><th scope="col">Digest of the records</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>
<p>Every record leads back to the bytes it was read from: <code>chartly trace RECORD_ID</code>. The ledger, the stored payloads and the records are checked by <code>chartly audit verify</code>. The manifest of this page names every query and result by digest.</p>
<p class="fine">Report <code>${escapeMarkup(evidence.report)}</code>, digest <code>${evidence.report_digest}</code>. Ledger head <code>${evidence.ledger_head}</code>. ${escapeMarkup(evidence.renderer)}.</p>
</footer>`;
}
