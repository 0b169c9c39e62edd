import { AsyncLocalStorage } from 'node:async_hooks';
import { ChartlyError } from '#kit';
import type { Sql } from './port.ts';
import { runStatement, sqlOf, type Session } from './session.ts';

export interface Transactions {
  /** Throws inside a transaction: whoever asks for another session there would wait for its own end, at worst for ever. */
  refuseInside(): void;
  /** Runs `work` in a transaction of the session, as the port says. */
  run<T>(session: Session, work: (tx: Sql) => Promise<T>): Promise<T>;
}

/** `changed` hears how many rows each statement changed. */
export function createTransactions(changed?: (rows: number) => void): Transactions {
  const current = new AsyncLocalStorage<{ open: boolean }>();
  return {
    refuseInside() {
      if (current.getStore()?.open !== true) return;
      throw new ChartlyError('internal', 'A statement inside a transaction did not use the transaction it was given.');
    },
    async run(session, work) {
      const state = { open: true };
      // Not awaited: calls run in order, so the first statement need not wait for this answer.
      const begun = session.script('begin');
      const tx = sqlOf(async (text, params = []) => {
        if (!state.open) throw new ChartlyError('internal', 'A transaction was used after its end.');
        return runStatement(session, text, params);
      }, changed);
      try {
        const [result] = await Promise.all([current.run(state, () => work(tx)), begun]);
        state.open = false;
        await commit(session);
        return result;
      } catch (error) {
        state.open = false;
        await session.script('rollback').catch(() => {});
        throw error;
      }
    },
  };
}

/** PostgreSQL answers COMMIT of a failed transaction with a rollback and no error: that must not pass for success. */
async function commit(session: Session): Promise<void> {
  const [result] = await session.script('commit');
  if (result?.command === 'ROLLBACK') {
    throw new ChartlyError(
      'internal',
      'A transaction went on after one of its statements had failed; it was rolled back.',
    );
  }
}
