/** The inside of a mapping thread. */
import { parentPort } from 'node:worker_threads';
import { asChartlyError } from '#kit';
import type { Batch } from './batch-builder.ts';
import { type MappingTask, mapPayload } from './map-payload.ts';
import { batchesAhead, type FromThread, toFailure, type ToThread } from './mapping-protocol.ts';
import type { Vault } from './sealing.ts';

const port = parentPort!;
const post = (message: FromThread, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

type Answer = Awaited<ReturnType<Vault['subjectKeys']>>;

/** Of the payload under way: what came and was not looked at yet, batches that wait for a taker, whether anybody wants them, and what the vault said. */
const state = { inbox: [] as ToThread[], untaken: 0, aborted: false, answer: undefined as Answer | undefined };
/** Counts how often payloads were opened, so that nothing of one opening is taken for another's. */
let passes = 0;
let wake: () => void = () => {};

port.on('message', (message: ToThread) => {
  if (message.type === 'start') void run(message.task);
  else if (message.type === 'taken') state.untaken--;
  else if (message.type === 'answer') state.answer = message.keys;
  else if (message.type === 'abort') state.aborted = true;
  else state.inbox.push(message);
  wake();
});

function change(): Promise<void> {
  return new Promise((resolve) => (wake = resolve));
}

async function run(task: MappingTask): Promise<void> {
  Object.assign(state, { inbox: [], untaken: 0, aborted: false, answer: undefined });
  try {
    for await (const batch of mapPayload(task, open, { vault })) {
      if (state.aborted) break;
      state.untaken++;
      send(batch);
      while (state.untaken >= batchesAhead && !state.aborted) await change();
    }
    post({ type: 'ended' });
  } catch (error) {
    post(state.aborted ? { type: 'ended' } : { type: 'failed', failure: toFailure(asChartlyError(error)) });
  }
}

/** The vault is with the owner of the thread. */
const vault: Vault = {
  subjectKeys: (subjects) => ask({ type: 'ask', subjects }),
  keepTokens: async (tokens) => void (await ask({ type: 'keep', tokens })),
};

async function ask(question: FromThread): Promise<Answer> {
  state.answer = undefined;
  post(question);
  while (state.answer === undefined) {
    if (state.aborted) throw new Error('aborted');
    await change();
  }
  return state.answer;
}

async function* open(): AsyncGenerator<Uint8Array, void, undefined> {
  const pass = ++passes;
  post({ type: 'open', pass });
  for (;;) {
    if (state.aborted) throw new Error('aborted');
    const next = state.inbox.shift();
    if (next === undefined) await change();
    else if (!('pass' in next) || next.pass !== pass) continue;
    else if (next.type === 'end') return;
    else {
      yield next.chunk;
      post({ type: 'read', pass });
    }
  }
}

function send(batch: Batch): void {
  const { ids, hashes, block } = batch.records;
  post({ type: 'batch', batch }, [ids.buffer, hashes.buffer, block.buffer] as ArrayBuffer[]);
}
