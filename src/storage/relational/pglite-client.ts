import { setTimeout as sleep } from 'node:timers/promises';
import type { ChartlyError, Logger } from '#kit';
import { closed, startPgliteEngine, type EngineRequest, type PgliteEngine } from './pglite-engine.ts';
import type { StatementResult } from './session.ts';

/** Something that runs requests in the order in which they are made. */
export interface PgliteCalls {
  call(request: EngineRequest): Promise<StatementResult[]>;
}

/**
 * The engine, started again whenever it dies: a full disk, for one, kills it in the middle of a statement. Meanwhile
 * calls fail with the reason of its death.
 */
export interface PgliteClient extends PgliteCalls {
  /** Calls on the engine as it lives now. After its death they fail for ever: half of a transaction must not run on its successor. */
  life(): PgliteCalls;
  /** Ends the engine cleanly, then the worker. May be called again. */
  close(): Promise<void>;
}

interface ClientDeps {
  dir: string;
  logger: Logger;
  /** What the engine notifies of, on channels that were listened to with a call. */
  notify: (channel: string, payload: string) => void;
}

const firstWaitMs = 100;
const longestWaitMs = 5_000;

/** Resolves once the engine answers for the first time. Errors: `storage_unavailable`, `disk_full`. */
export async function startPgliteClient(deps: ClientDeps): Promise<PgliteClient> {
  const { dir, logger, notify } = deps;
  const channels = new Set<string>();
  const stopping = new AbortController();
  let engine: PgliteEngine | undefined;
  let away: ChartlyError | undefined;
  let restarting: Promise<void> = Promise.resolve();
  let closing: Promise<void> | undefined;

  function adopt(next: PgliteEngine): void {
    engine = next;
    void next.gone.then((error) => {
      away = error;
      engine = undefined;
      if (stopping.signal.aborted) return;
      logger.warn('the relational engine ended unexpectedly; starting it again', {
        code: error.code,
        error: cause(error),
      });
      restarting = restart();
    });
  }

  async function restart(): Promise<void> {
    for (let waitMs = firstWaitMs; !stopping.signal.aborted; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
      try {
        adopt(await startListening());
        logger.info('the relational engine runs again', {});
        return;
      } catch (error) {
        away = error as ChartlyError;
        logger.debug('the relational engine does not start again', { code: away.code });
        await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  async function startListening(): Promise<PgliteEngine> {
    const next = await startPgliteEngine(dir, notify);
    try {
      for (const channel of channels) await next.call({ op: 'listen', channel });
      return next;
    } catch (error) {
      await next.close();
      throw error;
    }
  }

  adopt(await startListening());

  async function close(): Promise<void> {
    stopping.abort();
    await restarting;
    await engine?.close();
    away = closed();
  }

  return {
    async call(request) {
      if (request.op === 'listen') channels.add(request.channel);
      if (request.op === 'unlisten') channels.delete(request.channel);
      return current().call(request);
    },
    life: current,
    close: () => (closing ??= close()),
  };

  function current(): PgliteCalls {
    return engine ?? { call: () => Promise.reject(away!) };
  }
}

/** What the engine itself said; it may hold no value of a row, for its last words are about files. */
function cause(error: ChartlyError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
