// YAML text to a plain value, keeping the way back from a JSON pointer to line and column.
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';

/** Counted from 1. */
export interface Position {
  line: number;
  column: number;
}

export interface SourceText {
  /** Undefined when there are problems. */
  value: unknown;
  problems: (Position & { message: string })[];
  locate: (pointer: string) => Position;
}

/** Parses one YAML document. Never throws for what the text holds. */
export function parseYaml(text: string): SourceText {
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = 'empty' in parsed ? [] : parsed;
  const document: Document.Parsed | undefined = documents[0];
  if (document === undefined || document.contents === null) {
    return { value: undefined, problems: [{ ...at(0), message: 'the file is empty' }], locate: () => at(0) };
  }
  const problems = documents
    .flatMap((one) => [...one.errors, ...one.warnings])
    .map((error) => ({ ...at(error.pos[0]), message: error.message }));
  if (documents.length > 1) {
    problems.push({ ...at(documents[1]!.range[0]), message: 'the file holds more than one document' });
  }
  const locate = (pointer: string): Position => at(offsetOf(document, pointer));
  if (problems.length > 0) return { value: undefined, problems, locate };
  try {
    return { value: document.toJS({ maxAliasCount: 100 }), problems, locate };
  } catch (error) {
    return { value: undefined, problems: [{ ...at(0), message: (error as Error).message }], locate };
  }
}

/** The offset of what the pointer names, or of the last thing on the way to it that is there. */
function offsetOf(document: Document.Parsed, pointer: string): number {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const segment of pointer.split('/').slice(1).map(unescape)) {
    if (isMap<Node, Node | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
      if (pair === undefined) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq<Node>(node)) {
      const item = node.items[Number(segment)];
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else {
      break;
    }
  }
  return offset;
}

const unescape = (segment: string): string => segment.replaceAll('~1', '/').replaceAll('~0', '~');
