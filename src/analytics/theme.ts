import type { Config } from 'vega-lite';

/** Colours that the page's dark mode replaces by name; see html-style.ts. */
export const ink = { strong: '#1b2733', normal: '#41505f', faint: '#6b7885', line: '#d5dbe1', grid: '#e8ecf0' };

export const fontFamily = 'Inter, Helvetica Neue, Arial, Liberation Sans, sans-serif';

/** Ten colours told apart with the common kinds of colour blindness, on light and on dark ground (after Paul Tol and Okabe-Ito). */
export const categories = [
  '#3b76b5',
  '#ee7733',
  '#2a9d74',
  '#cc3d6e',
  '#8e6fc1',
  '#33a9d6',
  '#c9a227',
  '#8c564b',
  '#7a8791',
  '#e68fb8',
];

const label = { labelColor: ink.normal, labelFontSize: 11, labelFont: fontFamily };
const title = { titleColor: ink.normal, titleFontSize: 12, titleFontWeight: 600 as const, titleFont: fontFamily };

/** Each tick says only what is new at it. */
const timeFormats = {
  year: '%Y',
  quarter: '%b',
  month: '%b',
  week: '%-d %b',
  date: '%-d %b',
  day: '%-d %b',
  hours: '%H:%M',
  minutes: '%H:%M',
  seconds: '%H:%M:%S',
  milliseconds: '.%L',
};

/** How every chart of Chartly looks unless its spec says otherwise. */
export const theme: Config = {
  font: fontFamily,
  // The picture as a whole is described; a label for each of ten thousand marks helps nobody.
  aria: false,
  padding: { left: 8, right: 16, top: 8, bottom: 8 },
  numberFormat: ',~r',
  view: { stroke: null, continuousWidth: 640, continuousHeight: 300, discreteWidth: 640, discreteHeight: { step: 24 } },
  title: {
    anchor: 'start',
    frame: 'bounds',
    color: ink.strong,
    fontSize: 16,
    fontWeight: 600,
    subtitleColor: ink.faint,
    subtitleFontSize: 12,
    subtitlePadding: 4,
    offset: 14,
  },
  axis: {
    ...label,
    ...title,
    domainColor: ink.line,
    tickColor: ink.line,
    gridColor: ink.grid,
    labelPadding: 6,
    tickSize: 5,
    titlePadding: 10,
    labelLimit: 200,
    labelOverlap: true,
  },
  axisQuantitative: { domain: false, ticks: false, tickCount: 6, format: ',~r' },
  axisX: { titlePadding: 8 },
  axisTemporal: { grid: false, labelFlush: false, tickCount: 8, format: timeFormats as unknown as string },
  axisBand: { grid: false, ticks: false, labelPadding: 8 },
  legend: {
    ...label,
    ...title,
    symbolSize: 90,
    symbolStrokeWidth: 2,
    rowPadding: 5,
    labelLimit: 190,
    offset: 20,
    gradientLength: 140,
    gradientThickness: 12,
    titlePadding: 8,
  },
  header: { ...label, ...title, labelFontSize: 12 },
  line: { strokeWidth: 2, strokeJoin: 'round', strokeCap: 'round' },
  area: { fillOpacity: 0.85, line: false },
  bar: { binSpacing: 1, continuousBandSize: 8 },
  point: { filled: true, size: 36, opacity: 0.8 },
  circle: { opacity: 0.75 },
  rect: { cornerRadius: 1 },
  rule: { color: ink.faint },
  text: { color: ink.normal, fontSize: 11 },
  mark: { color: categories[0]!, invalid: 'break-paths-show-path-domains' },
  range: {
    category: categories,
    ordinal: { scheme: 'blues' },
    ramp: { scheme: 'viridis' },
    heatmap: { scheme: 'viridis' },
    diverging: { scheme: 'blueorange' },
  },
};
