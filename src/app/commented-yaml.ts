import { Document, isCollection, isMap, isPair, isScalar, visit, type Node, type Pair, type Scalar } from 'yaml';

export interface YamlNote {
  /** RFC 6901: what the note speaks of. */
  pointer: string;
  text: string;
}

/** Their members stand one a line, however short. */
const blocks = new Set(['records', 'sections', 'dimensions', 'measures', 'query', 'chart', 'encoding', 'file', 'http']);
const longestFlow = 100;

/** A document as YAML for people: short rules on one line, and notes as comments beside or above what they speak of. */
export function commentedYaml(spec: object, notes: readonly YamlNote[], head: string): string {
  const document = new Document(spec, { aliasDuplicateObjects: false });
  visit(document, {
    Collection(_key, node, path) {
      const owner = path.at(-1);
      const name = isPair(owner) && isScalar(owner.key) ? String(owner.key.value) : '';
      const isItem = !isPair(owner);
      const top = path.length <= 1 || (isItem && path.some((one) => isPair(one) && isRowOf(one)) && path.length <= 4);
      node.flow = !top && !blocks.has(name) && JSON.stringify(node.toJSON()).length <= longestFlow;
    },
  });
  for (const { pointer, text } of notes) annotate(document, pointer, text);
  document.commentBefore = head
    .split('\n')
    .map((line) => ` ${line}`)
    .join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function isRowOf(pair: Pair): boolean {
  return isScalar(pair.key) && (pair.key.value === 'records' || pair.key.value === 'sections');
}

function annotate(document: Document, pointer: string, text: string): void {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const node = document.getIn(steps, true) as Node | undefined;
  const comment = ` ${text.replaceAll(/[\r\n]+/g, ' ')}`;
  if (isScalar(node)) {
    node.comment = node.comment ? `${node.comment};${comment}` : comment;
    return;
  }
  const parent = steps.length > 1 ? document.getIn(steps.slice(0, -1), true) : document.contents;
  if (!isCollection(node) || !isMap(parent)) return;
  const key = parent.items.find(({ key }) => isScalar(key) && key.value === steps.at(-1))?.key as Scalar | undefined;
  if (key !== undefined) key.commentBefore = key.commentBefore ? `${key.commentBefore}\n${comment}` : comment;
}
