/** Workbooks for this room's tests, part by part, so that each may be as no writer would have it. */
import { archive } from './testing-zip.ts';

export interface SheetSpec {
  name: string;
  /** The rows' XML. */
  rows: string;
  state?: 'hidden' | 'veryHidden';
}

export interface BookSpec {
  sheets: SheetSpec[];
  /** Contents of `si`. */
  texts?: string[];
  /** Format codes: style 1 is the first, and so on; style 0 is plain. A number is one of the built-in formats. */
  formats?: (string | number)[];
  from1904?: boolean;
  /** Parts in place of, or beside, those that there are. */
  parts?: Record<string, string>;
  harmed?: string;
}

const xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
const relationType = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';

export function workbook(spec: BookSpec): Buffer {
  const { sheets, texts, formats = [], from1904 = false, parts = {}, harmed } = spec;
  const rels = sheets.map((_, i) => relation(`rId${i + 1}`, 'worksheet', `worksheets/sheet${i + 1}.xml`));
  rels.push(relation('rId90', 'styles', 'styles.xml'), relation('rId91', 'sharedStrings', '/xl/sharedStrings.xml'));
  const entries = sheets.map(
    ({ name, state }, i) =>
      `<sheet name="${name}" sheetId="${i + 1}"${state === undefined ? '' : ` state="${state}"`} r:id="rId${i + 1}"/>`,
  );
  const files: Record<string, string> = {
    '[Content_Types].xml': `${xml}<Types/>`,
    '_rels/.rels': relations([relation('rId1', 'officeDocument', 'xl/workbook.xml')]),
    'xl/workbook.xml': `${xml}<workbook ${main} xmlns:r="${relationType}"><workbookPr${from1904 ? ' date1904="1"' : ''}/><sheets>${entries.join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relations(rels),
    'xl/styles.xml': styles(formats),
  };
  for (const [i, { rows }] of sheets.entries())
    files[`xl/worksheets/sheet${i + 1}.xml`] =
      `${xml}<worksheet ${main}><dimension ref="A1"/><sheetData>${rows}</sheetData><mergeCells/></worksheet>`;
  // As most writers have it, behind the sheets that need it.
  if (texts !== undefined)
    files['xl/sharedStrings.xml'] = `${xml}<sst ${main}>${texts.map((text) => `<si>${text}</si>`).join('')}</sst>`;
  return archive({ ...files, ...parts }, harmed);
}

function relation(id: string, type: string, target: string): string {
  return `<Relationship Id="${id}" Type="${relationType}/${type}" Target="${target}"/>`;
}

function relations(list: string[]): string {
  return `${xml}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${list.join('')}</Relationships>`;
}

function styles(formats: readonly (string | number)[]): string {
  const codes = formats.flatMap((format, i) =>
    typeof format === 'number'
      ? []
      : [`<numFmt numFmtId="${200 + i}" formatCode="${format.replaceAll('"', '&quot;')}"/>`],
  );
  const xfs = formats.map(
    (format, i) => `<xf numFmtId="${typeof format === 'number' ? format : 200 + i}" fontId="0"/>`,
  );
  return `${xml}<styleSheet ${main}><numFmts>${codes.join('')}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>${xfs.join('')}</cellXfs></styleSheet>`;
}

/** A row of cells: texts inline, numbers and truths as they are, other XML as given. */
export function rowXml(number: number, cells: readonly (string | number | boolean | null | { xml: string })[]): string {
  return `<row r="${number}">${cells.map((cell, i) => cellXml(`${letters(i)}${number}`, cell)).join('')}</row>`;
}

function cellXml(place: string, cell: string | number | boolean | null | { xml: string }): string {
  if (cell === null) return `<c r="${place}" s="1"/>`;
  if (typeof cell === 'object') return `<c r="${place}"${cell.xml}</c>`;
  if (typeof cell === 'number') return `<c r="${place}"><v>${cell}</v></c>`;
  if (typeof cell === 'boolean') return `<c r="${place}" t="b"><v>${cell ? 1 : 0}</v></c>`;
  return `<c r="${place}" t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function letters(i: number): string {
  return (i < 26 ? '' : String.fromCharCode(64 + Math.floor(i / 26))) + String.fromCharCode(65 + (i % 26));
}
