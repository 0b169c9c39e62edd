import { formOfId, type CellForm } from './cell-forms.ts';
import { SheetDamage } from './sheet-damage.ts';
import { attribute, type XmlHandler } from './xml.ts';

/** The files of a workbook. */
export interface Parts {
  has(name: string): boolean;
  /** Reads a part through a handler. Throws SheetDamage. */
  scan(name: string, handler: XmlHandler): Promise<void>;
}

export interface SheetRef {
  name: string;
  hidden: boolean;
  part: string;
}

export interface Workbook {
  sheets: SheetRef[];
  from1904: boolean;
  /** By the style of a cell. */
  forms: CellForm[];
  sharedTexts: string | undefined;
}

/** Lists of a workbook are short; so long ones are an attack. */
const maxListed = 100_000;

/** Reads what a workbook says of itself. Throws SheetDamage. */
export async function readWorkbook(parts: Parts): Promise<Workbook> {
  const start = (await relations(parts, '')).find(({ type }) => type === 'officeDocument')?.target ?? 'xl/workbook.xml';
  if (!parts.has(start)) throw new SheetDamage('It holds no workbook: only .xlsx and .xlsm files are read.');
  if (start.endsWith('.bin')) throw new SheetDamage('It is a binary workbook (.xlsb); save it as .xlsx.');
  const related = await relations(parts, start);
  const found: { name: string; hidden: boolean; id: string }[] = [];
  let from1904 = false;
  await parts.scan(start, {
    open(name, attributes) {
      if (name === 'workbookPr') from1904 = isTrue(attribute(attributes, 'date1904'));
      if (name !== 'sheet') return;
      const hidden = (attribute(attributes, 'state') ?? 'visible') !== 'visible';
      found.push({ name: attribute(attributes, 'name') ?? '', hidden, id: relationId(attributes) });
      bounded(found.length);
    },
    close() {},
    text() {},
  });
  const sheets = found.flatMap(({ name, hidden, id }) => {
    const relation = related.find((one) => one.id === id);
    return relation?.type === 'worksheet' ? [{ name, hidden, part: relation.target }] : [];
  });
  const partOf = (type: string): string | undefined => {
    const target = related.find((one) => one.type === type)?.target;
    return target !== undefined && parts.has(target) ? target : undefined;
  };
  const styles = partOf('styles');
  const forms = styles === undefined ? [] : await readStyles(parts, styles);
  return { sheets, from1904, forms, sharedTexts: partOf('sharedStrings') };
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'true' || value === 'on';
}

function bounded(count: number): void {
  if (count > maxListed) throw new SheetDamage('It lists more parts or styles than are read.', 'row_too_large');
}

/** The prefix of this attribute is up to the writer. */
function relationId(attributes: string): string {
  return attribute(attributes, 'r:id') ?? /\w+:id\s*=\s*["']([^"']*)/.exec(attributes)?.[1] ?? '';
}

interface Relation {
  id: string;
  /** The last word of its type. */
  type: string;
  target: string;
}

/** What a part refers to, by full names. */
async function relations(parts: Parts, part: string): Promise<Relation[]> {
  const slash = part.lastIndexOf('/') + 1;
  const name = `${part.slice(0, slash)}_rels/${part.slice(slash)}.rels`;
  const found: Relation[] = [];
  if (!parts.has(name)) return found;
  await parts.scan(name, {
    open(element, attributes) {
      if (element !== 'Relationship') return;
      const type = attribute(attributes, 'Type') ?? '';
      const target = attribute(attributes, 'Target') ?? '';
      found.push({
        id: attribute(attributes, 'Id') ?? '',
        type: type.slice(type.lastIndexOf('/') + 1),
        target: target.startsWith('/') ? target.slice(1) : resolved(part.slice(0, slash), target),
      });
      bounded(found.length);
    },
    close() {},
    text() {},
  });
  return found;
}

function resolved(folder: string, target: string): string {
  const steps = folder.split('/').filter((step) => step !== '');
  for (const step of target.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '.' && step !== '') steps.push(step);
  }
  return steps.join('/');
}

/** How the numbers of each style are meant. */
async function readStyles(parts: Parts, name: string): Promise<CellForm[]> {
  const codes = new Map<number, string>();
  const ids: number[] = [];
  let inCells = false;
  await parts.scan(name, {
    open(element, attributes) {
      if (element === 'cellXfs') inCells = true;
      else if (element === 'xf' && inCells) ids.push(Number(attribute(attributes, 'numFmtId') ?? 0));
      else if (element === 'numFmt') {
        codes.set(Number(attribute(attributes, 'numFmtId')), attribute(attributes, 'formatCode') ?? '');
      }
      bounded(codes.size);
      bounded(ids.length);
    },
    close(element) {
      if (element === 'cellXfs') inCells = false;
    },
    text() {},
  });
  return ids.map((id) => formOfId(id, codes));
}
