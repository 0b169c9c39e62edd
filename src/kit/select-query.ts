import { type FilterFunction, FunctionExpressionType, JSONPathEnvironment, type JSONPathQuery } from 'json-p3';
import { compilePattern, type Pattern, type PatternBudget, PatternError } from './pattern.ts';

/** A selection that cannot be used; the message speaks of the author's own text alone. */
export class SelectionError extends Error {}

export interface Selection {
  query: JSONPathQuery;
  /** Starts the count of what patterns cost, for another document. Beyond it the query throws patternsTooCostly. */
  begin(): void;
}

/**
 * Compiles an RFC 9535 query whose `match` and `search` take linear time, as the library's own are RegExp's, and their patterns may stand in the payload.
 * Throws SelectionError.
 */
export function compileSelection(select: string): Selection {
  const cost = { budget: { patternCost: 0 } };
  // How deep a document may be is decided before it is queried.
  const environment = new JSONPathEnvironment({ maxRecursionDepth: 10_000 });
  environment.functionRegister.set(
    'match',
    patternFunction(cost, (pattern) => `^(?:${pattern})$`),
  );
  environment.functionRegister.set(
    'search',
    patternFunction(cost, (pattern) => pattern),
  );
  let query: JSONPathQuery;
  try {
    query = environment.compile(select);
  } catch (error) {
    throw new SelectionError(
      `this is no RFC 9535 JSONPath: ${(error as Error).message}; write the way to the rows, as $.features[*]`,
      { cause: error },
    );
  }
  const descents = select.replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, '').split('..').length - 1;
  // Each one beyond the first visits, and the library holds, a value as often as the document is deep.
  if (descents > 1)
    throw new SelectionError('.. stands more than once; write the rest of the way to the rows, as $..features[*]');
  return { query, begin: () => void (cost.budget = { patternCost: 0 }) };
}

function patternFunction(cost: { budget: PatternBudget }, whole: (pattern: string) => string): FilterFunction {
  return {
    argTypes: [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType],
    returnType: FunctionExpressionType.LogicalType,
    call(text: unknown, source: unknown): boolean {
      if (typeof text !== 'string' || typeof source !== 'string') return false;
      const pattern = compiled(whole(anyCharacter(source)));
      return pattern?.test(text, cost.budget) ?? false;
    },
  };
}

/** A pattern that is none matches nothing, as the RFC says. */
function compiled(source: string): Pattern | undefined {
  try {
    return compilePattern(source);
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

/** The dot of an I-Regexp (RFC 9485) is any character but a line feed and a carriage return. */
function anyCharacter(pattern: string): string {
  return pattern.replaceAll(/\\.|\[(?:[^\]\\]|\\.)*\]|\./gs, (part) => (part === '.' ? '[^\\n\\r]' : part));
}
