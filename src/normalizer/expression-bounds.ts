/**
 * What expressions may hold, so that evaluating one takes time that is bounded by the row. There is no budget at run time in the
 * engine; so what could take long without one is refused when the profile is compiled: functions that read the machine's zone,
 * loops inside loops, lists and texts that grow, and searches for texts and patterns that come from the row.
 */
import { compilePattern, PatternError } from '#kit';
import type { ASTNode } from '@marcbachmann/cel-js';

const functions = new Set(['has', 'size', 'int', 'double', 'string', 'bool', 'dyn', 'type']);
const methods = new Set([
  'size',
  'startsWith',
  'endsWith',
  'contains',
  'indexOf',
  'substring',
  'lowerAscii',
  'upperAscii',
  'trim',
  'matches',
]);
const loops = new Set(['all', 'exists', 'exists_one', 'filter']);
/** Searching takes time of the product of both lengths on unlucky texts. */
const searches = new Set(['contains', 'indexOf']);
/** What `matches` is called once it is the one that takes linear time; see expression.ts. */
export const linearMatches = 'matchesInLinearTime';

/** Why the expression is not allowed; undefined when it is. */
export function boundsProblem(node: ASTNode, loop?: string): string | undefined {
  const own = ownProblem(node, loop);
  if (own !== undefined) return own;
  const body = node.op === 'rcall' && loops.has(node.args[0]) ? node.args[0] : undefined;
  for (const child of children(node)) {
    // What is looped over stands outside of the loop.
    const inside = body !== undefined && node.op === 'rcall' && child !== node.args[1] ? body : loop;
    const problem = boundsProblem(child, inside);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * Has every `matches` of the expression use linear time instead of the engine's own. Returns whether there is one. Only for an expression
 * without a problem, and before it is checked.
 */
export function makeMatchesLinear(node: ASTNode): boolean {
  const own = node.op === 'rcall' && node.args[0] === 'matches';
  if (own) node.args[0] = linearMatches;
  return children(node).map(makeMatchesLinear).includes(true) || own;
}

/** The expression loops over a list or a map. */
export function hasLoop(node: ASTNode): boolean {
  return (node.op === 'rcall' && loops.has(node.args[0])) || children(node).some(hasLoop);
}

function ownProblem(node: ASTNode, loop: string | undefined): string | undefined {
  if (node.op === '+' && loop !== undefined)
    return `+ is not allowed inside ${loop}, as texts and lists could grow with every turn; compute outside of it`;
  if (node.op === 'call' && !functions.has(node.args[0])) return notAllowed(node.args[0], functions);
  if (node.op !== 'rcall') return undefined;
  const [name, receiver, args] = node.args;
  if (loops.has(name)) {
    if (loop !== undefined)
      return `${name} is not allowed inside ${loop}; write the inner condition without a loop, or explode the list`;
    if (!loopable(receiver))
      return `${name} loops over a path or a list only; write it behind one, as row.items.${name}(x, x > 0)`;
    return undefined;
  }
  if (!methods.has(name)) return notAllowed(name, new Set([...methods, ...loops]));
  if (searches.has(name) && !isText(args[0])) return `${name} takes a text written in the expression, such as "a"`;
  return name === 'matches' ? patternProblem(args[0]) : undefined;
}

function patternProblem(node: ASTNode | undefined): string | undefined {
  if (node?.op !== 'value' || typeof node.args !== 'string')
    return 'matches takes a pattern written in the expression, such as "^[A-Z]+$"';
  try {
    compilePattern(node.args);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return `matches: ${error.message}`;
    throw error;
  }
}

function notAllowed(name: string, allowed: ReadonlySet<string>): string {
  return `${name} is not available here; write one of ${[...allowed].join(', ')}`;
}

function isText(node: ASTNode | undefined): boolean {
  return node?.op === 'value' && typeof node.args === 'string';
}

function loopable(node: ASTNode): boolean {
  if (node.op === 'id' || node.op === 'list') return true;
  if (node.op === '.' || node.op === '[]') return loopable(node.args[0]);
  return node.op === 'rcall' && loops.has(node.args[0]);
}

function children(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}
