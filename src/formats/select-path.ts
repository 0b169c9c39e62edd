/** One step of a selection that can be followed while bytes stream by: a member name, an array index, or every child. */
export type SelectStep = string | number | typeof everyChild;
export const everyChild = Symbol('*');

const step =
  /\.([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)|\[\s*(\d{1,15})\s*\]|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\]|\.(\*)|\[\s*(\*)\s*\]/y;

/** The steps of a JSONPath made of names, indices and wildcards alone; undefined for any other query. */
export function streamingSteps(select: string): SelectStep[] | undefined {
  if (!select.startsWith('$')) return undefined;
  const steps: SelectStep[] = [];
  let at = 1;
  while (at < select.length) {
    step.lastIndex = at;
    const found = step.exec(select);
    if (found === null) return undefined;
    const [, name, index, single, double] = found;
    const key = name ?? single ?? double;
    steps.push(key ?? (index === undefined ? everyChild : Number(index)));
    at = step.lastIndex;
  }
  return steps;
}
