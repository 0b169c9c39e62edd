import type { Io } from './io.ts';
import { paint, printable } from './text.ts';

const context = 3;
const longest = 4000;

/** What changed between two texts, line by line, with a few lines around; as `diff -u` writes it, without its head. */
export function lineDiff(io: Io, before: string, after: string): string {
  const [a, b] = [lines(before), lines(after)];
  const marked = a.length > longest || b.length > longest ? [...a.map(removed), ...b.map(added)] : align(a, b);
  const near = marked.map((_, i) => marked.slice(Math.max(0, i - context), i + context + 1).some(({ mark }) => mark !== ' ')); // prettier-ignore
  let text = '';
  marked.forEach(({ mark, line }, i) => {
    if (!near[i]) return;
    if (i > 0 && !near[i - 1]) text += paint(io, 'dim', '…\n');
    const shown = printable(`${mark} ${line}`);
    text += `${mark === '+' ? paint(io, 'green', shown) : mark === '-' ? paint(io, 'red', shown) : shown}\n`;
  });
  return text;
}

interface Marked {
  mark: ' ' | '+' | '-';
  line: string;
}

const removed = (line: string): Marked => ({ mark: '-', line });
const added = (line: string): Marked => ({ mark: '+', line });

function lines(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}

/** By the longest sequence of lines that both have. */
function align(a: readonly string[], b: readonly string[]): Marked[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const common = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--)
    for (let j = y.length - 1; j >= 0; j--)
      common[i]![j] = x[i] === y[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
  const middle: Marked[] = [];
  let [i, j] = [0, 0];
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) {
      middle.push({ mark: ' ', line: x[i++]! });
      j++;
    } else if (i < x.length && (j >= y.length || common[i + 1]![j]! >= common[i]![j + 1]!))
      middle.push(removed(x[i++]!));
    else middle.push(added(y[j++]!));
  }
  const same = (line: string): Marked => ({ mark: ' ', line });
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
}
