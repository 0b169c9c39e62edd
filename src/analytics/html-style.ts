import { ink } from './theme.ts';

// In the dark, the theme's inks are replaced where they stand in the charts: presentation attributes give way to rules.
const darkInk: Record<string, string> = {
  [ink.strong]: '#eef2f6',
  [ink.normal]: '#c3ccd5',
  [ink.faint]: '#93a0ad',
  [ink.line]: '#46525e',
  [ink.grid]: '#313b45',
  // Vega-Lite's own, in legends of size.
  black: '#c3ccd5',
};

const darkCharts = Object.entries(darkInk)
  .map(([light, dark]) => `figure [fill="${light}"]{fill:${dark}}figure [stroke="${light}"]{stroke:${dark}}`)
  .join('');

/** The page's whole style. */
export const pageStyle = `
:root{--paper:#f5f7f9;--card:#fff;--ink:${ink.strong};--soft:${ink.normal};--faint:#5d6a77;--line:#dfe4e9;--accent:#2a66a3}
*{box-sizing:border-box}
body{margin:0 auto;padding:40px 20px 56px;max-width:840px;background:var(--paper);color:var(--ink);font:16px/1.55 Inter,system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif}
h1{margin:0 0 8px;font-size:30px;line-height:1.2;letter-spacing:-.015em}
h2{margin:0 0 6px;font-size:19px;line-height:1.3;letter-spacing:-.005em}
p{margin:0 0 12px;color:var(--soft)}
.lead{font-size:17px;max-width:65ch}
.facts{display:flex;flex-wrap:wrap;gap:8px 32px;margin:20px 0 28px;padding:14px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
dt{color:var(--faint);font-size:12px}
dd{margin:0;font-size:14px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
section{margin:0 0 24px;padding:24px;background:var(--card);border:1px solid var(--line);border-radius:12px}
figure{margin:14px 0 8px}
figure>svg{display:block;width:100%;height:auto}
summary{padding:4px 0;color:var(--accent);font-size:14px;cursor:pointer}
.table{overflow:auto;max-height:480px;margin:8px 0}
table{width:100%;border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th{position:sticky;top:0;background:var(--card);color:var(--faint);font-weight:600;text-align:left}
th,td{padding:6px 20px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
th:last-child,td:last-child{padding-right:4px}
.n{text-align:right;white-space:nowrap}
.none{color:var(--faint)}
.note,.fine{color:var(--faint);font-size:13px}
.empty{padding:36px;border:1px dashed var(--line);border-radius:8px;text-align:center}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
footer{margin-top:36px;padding-top:24px;border-top:1px solid var(--line);font-size:14px}
footer h2{font-size:16px}
footer th{background:var(--paper)}
footer p{margin-top:12px}
@media (prefers-color-scheme:dark){:root{--paper:#14191e;--card:#1c2329;--ink:#eef2f6;--soft:#c3ccd5;--faint:#93a0ad;--line:#323c46;--accent:#7db4ea}${darkCharts}}
@media print{:root{--paper:#fff}body{max-width:none;padding:0;font-size:12px}section{break-inside:avoid;border:0;padding:8px 0}details{display:none}.table{max-height:none;overflow:visible}}
`;
