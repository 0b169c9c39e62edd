import { compilePattern, patternsTooCostly, tooCostlyMessage } from '#kit';
import { cellText, type Columns, NumberText } from '#formats';
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import type { Attempt } from './attempt.ts';
import { boundsProblem, hasLoop, linearMatches, makeMatchesLinear } from './expression-bounds.ts';
import { type Division, isObject, type RowValue } from './path.ts';

/** What a row and its part give an expression, or `failed`. Never throws. */
export type Expression = (row: RowValue, attempt: Attempt) => unknown;

/** The expression cannot be evaluated on this row. */
export class ExpressionFailure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export interface ExpressionSetting {
  columns: Columns | undefined;
  division: Division;
  /** `bool` for conditions: an expression that is known to give another type is refused. */
  wanted: 'bool' | 'any';
}

/** An expression that cannot be used; the message speaks of the author's own text alone. */
export class ExpressionError extends Error {}

/** Characters of rows that the loops of one row's expressions may pass over, so that no row takes time without end. */
const loopBudget = 4 << 20;

/**
 * Compiles a CEL expression over `row`, with unpivot `column` and `cell`, with explode `item` and `index`. Throws ExpressionError.
 * Numbers of JSON are doubles, and whole numbers written in the expression mix with them.
 */
export function compileExpression(source: string, { columns, division, wanted }: ExpressionSetting): Expression {
  const parsed = parse(environment(columns !== undefined, division), source);
  const problem = boundsProblem(parsed.ast);
  if (problem !== undefined) throw new ExpressionError(problem);
  const loops = hasLoop(parsed.ast);
  const matches = makeMatchesLinear(parsed.ast);
  const { valid, type, error } = parsed.check();
  if (!valid)
    throw new ExpressionError(
      `the expression is not valid CEL: ${error?.summary ?? 'of no type'}${adviceFor(error?.summary ?? '', division)}`,
    );
  if (wanted === 'bool' && type !== 'bool' && type !== 'dyn')
    throw new ExpressionError(`the condition gives ${type}, and bool is needed; compare it, as in row.x > 0`);
  const variables: Record<string, unknown> = {};
  return (row, attempt) => {
    if (loops) {
      attempt.loopCost += attempt.rowLength(row);
      if (attempt.loopCost > loopBudget)
        return new ExpressionFailure('The row is too large for an expression that loops over lists.');
    }
    variables.row = columns === undefined ? plainRow(row, attempt) : csvView(row as unknown[], columns, attempt);
    if (division === 'unpivot') {
      variables.column = attempt.part!.label;
      variables.cell = columns === undefined ? plain(attempt.part!.value, attempt) : cellText(attempt.part!.value);
    } else if (division === 'explode') {
      variables.index = BigInt(attempt.part!.label);
      variables.item = plain(attempt.part!.value, attempt);
    }
    if (matches) matching = attempt;
    try {
      return scalar(parsed(variables));
    } catch (thrown) {
      if (thrown === patternsTooCostly) return new ExpressionFailure(tooCostlyMessage);
      return new ExpressionFailure(`The expression failed: ${reasonOf(thrown)}.`);
    }
  };
}

/** Whose row the expression under way reads, so that what its patterns cost is counted. */
let matching: Attempt | undefined;

function parse(env: Environment, source: string): ReturnType<Environment['parse']> & { ast: ASTNode } {
  try {
    return env.parse(source);
  } catch (error) {
    const { summary, range } = error as { summary?: string; range?: { start: number } };
    const where = range === undefined ? '' : ` (character ${range.start + 1})`;
    throw new ExpressionError(`the expression is not valid CEL: ${summary ?? 'it cannot be read'}${where}`);
  }
}

/** Names that are not there are the commonest mistake. */
function adviceFor(summary: string, division: Division): string {
  if (!/unknown variable/i.test(summary)) return '';
  const names = [
    'row',
    ...(division === 'unpivot' ? ['column', 'cell'] : division === 'explode' ? ['item', 'index'] : []),
  ];
  return `; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}: write row.NAME for a field of the row, and texts in quotes`;
}

/** The library's own messages quote values of the payload; its codes are fixed words. */
function reasonOf(thrown: unknown): string {
  const { code } = thrown as { code?: unknown };
  return typeof code === 'string' && /^[a-z_]+$/.test(code) ? code.replaceAll('_', ' ') : 'it cannot be evaluated';
}

/** Integers of CEL are bigints: one that a double cannot hold goes on as its digits. */
function scalar(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** A row that was parsed for its exact numbers, with doubles in their place. */
function plain(value: unknown, attempt: Attempt): unknown {
  if (!attempt.exactPass || typeof value !== 'object') return value;
  return doubles(value);
}

function plainRow(row: RowValue, attempt: Attempt): unknown {
  if (!attempt.exactPass || typeof row !== 'object') return row;
  if (attempt.viewed !== row) {
    attempt.viewed = row;
    attempt.view = doubles(row) as Record<string, unknown>;
  }
  return attempt.view;
}

function doubles(value: unknown): unknown {
  if (value instanceof NumberText) return value.value;
  if (Array.isArray(value)) return value.map(doubles);
  if (!isObject(value)) return value;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(value)) copy[name] = doubles(value[name]);
  return copy;
}

/** The fields of a row by their columns' names, as texts: expressions are the same over CSV and spreadsheets. */
function csvView(row: readonly unknown[], columns: Columns, attempt: Attempt): Record<string, unknown> {
  if (attempt.viewed === row) return attempt.view;
  const view = Object.create(null) as Record<string, unknown>;
  for (let i = 0; i < columns.names.length; i++) view[columns.names[i]!] = cellText(row[i]);
  attempt.viewed = row;
  attempt.view = view;
  return view;
}

const environments = new Map<string, Environment>();

function environment(csv: boolean, division: Division): Environment {
  const name = `${csv} ${division}`;
  let env = environments.get(name);
  if (env === undefined) {
    env = createEnvironment(csv, division);
    environments.set(name, env);
  }
  return env;
}

function createEnvironment(csv: boolean, division: Division): Environment {
  const env = new Environment({ limits: { maxAstNodes: 200, maxDepth: 24, maxListElements: 200, maxMapEntries: 50 } });
  env.registerVariable('row', csv ? 'map<string, string>' : 'dyn');
  if (division === 'unpivot') {
    env.registerVariable('column', 'string');
    env.registerVariable('cell', csv ? 'string' : 'dyn');
  } else if (division === 'explode') {
    env.registerVariable('item', 'dyn');
    env.registerVariable('index', 'int');
  }
  env.registerFunction(`string.${linearMatches}(string): bool`, (text: string, pattern: string) =>
    compilePattern(pattern).test(text, matching!),
  );
  // CEL has no arithmetic between int and double, and in `row.x + 1` the one is a double of JSON and the other an int.
  for (const [operator, compute] of Object.entries(arithmetic)) {
    env.registerOperator(`int ${operator} double: double`, (a: bigint, b: number) => compute(Number(a), b));
    env.registerOperator(`double ${operator} int: double`, (a: number, b: bigint) => compute(a, Number(b)));
  }
  return env;
}

const arithmetic: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};
