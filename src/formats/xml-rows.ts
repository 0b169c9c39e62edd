import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { Profile } from '#contracts';
import type { RowSink } from './row-sink.ts';
import type { Decoder } from './csv-dialect.ts';

/** An element under way. */
interface Open {
  name: string;
  /** Its attributes and children; undefined while it has none. */
  members: Record<string, unknown> | undefined;
  text: string;
  nil: boolean;
}

type Options = Pick<Profile, 'xml' | 'records'>;

/**
 * Turns the text of an element into a value. Attributes are `@name`, children have their names and are a list where they repeat, text is
 * `#text`; an element that has neither attributes nor children is its text. Texts stay as they are. Entities are XML's own five alone, whatever a document type declares.
 */
export function xmlParser(options: Options): (text: string) => unknown {
  const { prefixes = 'keep' } = options.xml ?? {};
  const isList = listed(options);
  const nameOf = prefixes === 'drop' ? localName : (name: string) => name;
  let parser = newParser();
  let stack: Open[] = [];
  let failed = '';
  let result: unknown;

  function newParser(): SaxesParser<{ xmlns: false }> {
    const made = new SaxesParser({ xmlns: false });
    made.on('error', ({ message }) => (failed ||= message));
    made.on('opentag', open);
    made.on('text', addText);
    made.on('cdata', addText);
    made.on('closetag', close);
    return made;
  }

  function open({ name, attributes }: SaxesTagPlain): void {
    const element: Open = { name: nameOf(name), members: undefined, text: '', nil: false };
    for (const attribute in attributes) {
      // Declarations of namespaces are no data.
      if (attribute === 'xmlns' || attribute.startsWith('xmlns:')) continue;
      const value = attributes[attribute]!;
      if (attribute === 'xsi:nil') element.nil = value === 'true' || value === '1';
      else put((element.members ??= {}), `@${nameOf(attribute)}`, value, false);
    }
    stack.push(element);
  }

  function addText(text: string): void {
    const element = stack.at(-1);
    if (element !== undefined) element.text += text;
  }

  function close(): void {
    const element = stack.pop()!;
    const value = valueOf(element);
    const parent = stack.at(-1);
    if (parent === undefined) result = value;
    else put((parent.members ??= {}), element.name, value, isList !== undefined && isList(stack, element.name));
  }

  return (text) => {
    failed = '';
    result = undefined;
    parser.write(text).close();
    if (failed === '') return result;
    const message = failed.endsWith(': undefined entity.')
      ? entityMessage
      : `The row is not well-formed XML${placeIn(failed)}.`;
    // What it was in the middle of is not carried over.
    parser = newParser();
    stack = [];
    throw new XmlError(message);
  };
}

/** `message` says nothing of the row. */
export class XmlError extends Error {}

const entityMessage =
  'The row uses an entity that is not one of XML itself. Those that a document type declares are not expanded.';

/** The parser's message begins with line and column; what follows may speak of the data. */
function placeIn(message: string): string {
  const found = /^(\d+):(\d+): /.exec(message);
  return found === null ? '' : ` (its line ${found[1]}, column ${found[2]})`;
}

function valueOf({ members, text, nil }: Open): unknown {
  if (nil) return null;
  if (members === undefined) return text;
  if (/\S/.test(text)) put(members, '#text', text, false);
  return members;
}

function put(members: Record<string, unknown>, name: string, value: unknown, list: boolean): void {
  if (name === '__proto__') {
    // The last one stands; as a plain assignment it would change what the object is.
    Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
  } else if (!Object.hasOwn(members, name)) members[name] = list ? [value] : value;
  else {
    const before = members[name];
    // Of one name, a value is a list only when it is ours: texts and elements are none.
    if (Array.isArray(before)) before.push(value);
    else members[name] = [before, value];
  }
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

/** Tells which elements are lists though they may come alone: those that the profile names, and those that it explodes. */
function listed({ xml, records }: Options): ((stack: readonly Open[], name: string) => boolean) | undefined {
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const entry of xml?.lists ?? []) (entry.includes('/') ? paths : names).add(entry.replace(/^\//, ''));
  for (const { explode } of records) {
    const path = typeof explode === 'object' ? explode.path : explode;
    if (path !== undefined && /^[^.[\]$@]+(?:\.[^.[\]]+)*$/.test(path)) paths.add(path.replaceAll('.', '/'));
  }
  if (names.size + paths.size === 0) return undefined;
  return (stack, name) => {
    if (names.has(name)) return true;
    if (paths.size === 0) return false;
    let path = name;
    for (let i = stack.length - 1; i > 0; i--) path = `${stack[i]!.name}/${path}`;
    return paths.has(path);
  };
}

/** Parses the rows of an XML payload. */
export function xmlRows(
  take: (value: unknown, text: undefined, start: number, end: number) => void,
  fault: RowSink['fault'],
  options: Options,
  decoder: () => Decoder,
): RowSink['row'] {
  const parse = xmlParser(options);
  return (bytes, from, to, start, whole) => {
    const end = start + to - from;
    const text = decoder()(bytes, from, to, whole);
    if (text === undefined) {
      fault('invalid_utf8', start, end, 'The row holds bytes that are not of the encoding of the payload.');
      return;
    }
    let value: unknown;
    try {
      value = parse(text);
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      fault('parse_error', start, end, error.message);
      return;
    }
    // There is no number in it whose text would have to be read again.
    take(value, undefined, start, end);
  };
}
