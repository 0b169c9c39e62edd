import type { Manifest, Report } from '#contracts';
import { canonicalJson, sha256Hex } from '#kit';
import type { Evidence, SectionResult } from './analytics.ts';
import type { Json } from './chart-spec.ts';
import { toCsv } from './csv.ts';
import { renderHtml } from './html.ts';
import { renderChart } from './render-chart.ts';
import { stackSvg } from './stack-svg.ts';
import { loadVega } from './vega.ts';

/** Raised when the look or the bytes of a rendering change for the same data. */
const rendererVersion = 'chartly-renderer/1';

/** Writes the results in the manifest's format, and completes the manifest with the digest of what was written. */
export async function renderBody(
  report: Report,
  results: SectionResult[],
  started: Evidence,
): Promise<{ body: Buffer; contentType: string; manifest: Manifest }> {
  const evidence = { ...started, renderer: rendererName(started.format) };
  const { body, contentType } = await write(report, results, evidence);
  return { body, contentType, manifest: { ...evidence, artifact_sha256: sha256Hex(body) } };
}

async function write(
  report: Report,
  results: SectionResult[],
  evidence: Evidence,
): Promise<{ body: Buffer; contentType: string }> {
  switch (evidence.format) {
    case 'json':
      return { body: toJson(report, results, evidence), contentType: 'application/json' };
    case 'csv':
      return { body: toCsv(results[0]!.result), contentType: 'text/csv; charset=utf-8; header=present' };
    case 'svg':
      return { body: await toSvg(report, results), contentType: 'image/svg+xml' };
    case 'html':
      return {
        body: Buffer.from(await renderHtml(report, results, evidence)),
        contentType: 'text/html; charset=utf-8',
      };
  }
}

function rendererName(format: Evidence['format']): string {
  if (format === 'json' || format === 'csv') return rendererVersion;
  const { vega, vegaLite } = loadVega();
  return `${rendererVersion} vega-lite/${vegaLite.version} vega/${vega.version}`;
}

function toJson(report: Report, results: SectionResult[], manifest: Evidence): Buffer {
  const sections = results.map(({ section, result }) => ({ id: section.id, title: section.title ?? null, result }));
  return Buffer.from(`${canonicalJson({ report: report.report, title: report.title, sections, manifest })}\n`);
}

async function toSvg(report: Report, results: SectionResult[]): Promise<Buffer> {
  const single = results.length === 1;
  const pictures: string[] = [];
  for (const [i, { section, result }] of results.entries()) {
    const title = section.title ?? report.title;
    pictures.push(
      await renderChart(section.chart as Json, result, {
        title,
        description: section.text === undefined ? title : `${title}. ${section.text}`,
        idPrefix: `s${i}`,
        ...(single ? { background: 'white' } : {}),
      }),
    );
  }
  return Buffer.from(single ? pictures[0]! : stackSvg(report.title, pictures));
}
