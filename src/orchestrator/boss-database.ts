import { asChartlyError } from '#kit';
import type { Param, Relational, Row, Sql } from '#storage';
import { storeIsAway } from './policy.ts';

/** What pg-boss asks of a database. */
export interface BossDatabase {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
}

/** pg-boss over the relational plane. Statements without parameters may be several at once, and go as a script. */
export function bossDatabase(relational: Relational): BossDatabase {
  return {
    executeSql: (text, values) =>
      asBossSees(
        values === undefined || values.length === 0
          ? relational.script(text)
          : relational.query(text, values.map(toParam)),
      ),
  };
}

/** pg-boss inside a transaction of ours: its statements commit or vanish with it. */
export function bossTransaction(tx: Sql): BossDatabase {
  return { executeSql: (text, values) => asBossSees(tx.query(text, (values ?? []).map(toParam))) };
}

function toParam(value: unknown): Param {
  if (value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)) {
    return JSON.stringify(value);
  }
  return value as Param;
}

/**
 * pg-boss tells a lost race from a failure by the SQLSTATE, which our port keeps in the cause. That the store is away is told to whoever called pg-boss, as it
 * is: for a job it is no failure, and for a caller no fault of ours.
 */
async function asBossSees(work: Promise<Row[]>): Promise<{ rows: Row[] }> {
  try {
    return { rows: await work };
  } catch (error) {
    const state = (error as { cause?: { code?: unknown } }).cause?.code;
    const isState = typeof state === 'string' && /^[0-9A-Z]{5}$/.test(state);
    if (!isState || storeIsAway.has(asChartlyError(error).code)) throw error;
    throw Object.assign(new Error('the queue refused a statement', { cause: error }), { code: state });
  }
}
