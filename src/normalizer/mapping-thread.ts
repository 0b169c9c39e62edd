import { Worker } from 'node:worker_threads';
import { ChartlyError } from '#kit';
import type { Batch } from './batch-builder.ts';
import type { MappingTask } from './map-payload.ts';
import { batchesAhead, chunksAhead, fromFailure, type FromThread, type ToThread } from './mapping-protocol.ts';
import type { Vault } from './sealing.ts';

/** How long a thread may take to let go of a payload that is not wanted any more. */
const abortMs = 5_000;

/**
 * Most of what mapping allocates is gone with its row: with a large nursery next to nothing is copied out of it. The bound on the whole heap
 * makes a payload that would eat the machine end its thread and its job, and nothing else.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 64, maxOldGenerationSizeMb: 2048 };

/** One mapping thread, and the payload that it works on. */
export class MappingThread {
  readonly #worker: Worker;
  #task: TaskInThread | undefined;
  /** It has not ended, and may take another payload. */
  usable = true;

  readonly #stalledMs: number;

  /** A thread that owes something and is not heard of for `stalledMs` is given up. */
  constructor(stalledMs: number) {
    this.#stalledMs = stalledMs;
    this.#worker = new Worker(new URL('./mapping-worker.ts', import.meta.url), { resourceLimits });
    // An idle thread keeps nobody's process alive.
    this.#worker.unref();
    this.#worker.on('message', (message: FromThread) => this.#task?.receive(message));
    this.#worker.on('error', (cause) => this.#lost(cause));
    this.#worker.on('exit', () => this.#lost(undefined));
  }

  async *map(task: MappingTask, open: Open, vault: Vault | undefined): AsyncGenerator<Batch, void, undefined> {
    const running = new TaskInThread({ open, vault, stalledMs: this.#stalledMs }, (message, transfer) =>
      this.#worker.postMessage(message, transfer),
    );
    this.#task = running;
    this.#worker.ref();
    running.start(task);
    try {
      yield* running.batches();
    } finally {
      if (!(await running.letGo())) await this.close();
      this.#worker.unref();
      this.#task = undefined;
    }
  }

  async close(): Promise<void> {
    this.usable = false;
    this.#task?.fail(new ChartlyError('cancelled', 'The normalizer is closing.', { retryable: true }));
    await this.#worker.terminate();
  }

  #lost(cause: unknown): void {
    this.usable = false;
    this.#task?.lost(
      new ChartlyError('internal', 'A mapping thread ended in the middle of a payload.', { cause, retryable: true }),
    );
  }
}

type Open = () => AsyncIterable<Uint8Array>;
type Post = (message: ToThread, transfer?: ArrayBuffer[]) => void;

/** What one payload and its thread owe each other. */
class TaskInThread {
  readonly #open: Open;
  readonly #vault: Vault | undefined;
  readonly #stalledMs: number;
  readonly #post: Post;
  readonly #inbox: Batch[] = [];
  /** Which opening of the payload is being sent; chunks of it that were sent and not read, and whether all were sent. */
  #pass = 0;
  #unread = 0;
  #sentAll = false;
  /** Batches received and not taken. */
  #untaken = 0;
  /** The thread waits for keys. */
  #asked = false;
  #ended = false;
  #failure: unknown;
  readonly #sleepers: (() => void)[] = [];
  #watch: NodeJS.Timeout | undefined;

  constructor(from: { open: Open; vault: Vault | undefined; stalledMs: number }, post: Post) {
    this.#open = from.open;
    this.#vault = from.vault;
    this.#stalledMs = from.stalledMs;
    this.#post = post;
  }

  start(task: MappingTask): void {
    this.#post({ type: 'start', task });
  }

  async *batches(): AsyncGenerator<Batch, void, undefined> {
    for (;;) {
      // Of a payload that failed no batch is given any more: the last one would vouch for all its bytes.
      if (this.#failure !== undefined) throw this.#failure;
      const batch = this.#inbox.shift();
      if (batch !== undefined) {
        this.#untaken--;
        this.#post({ type: 'taken' });
        this.#watchOver();
        yield batch;
      } else if (this.#ended) return;
      else await this.#change();
    }
  }

  receive(message: FromThread): void {
    if (message.type === 'open') this.#feed(message.pass).catch((error: unknown) => this.fail(error));
    else if (message.type === 'read') this.#unread -= message.pass === this.#pass ? 1 : 0;
    else if (message.type === 'ask' || message.type === 'keep')
      this.#answer(message).catch((error: unknown) => this.fail(error));
    else if (message.type === 'batch') {
      this.#inbox.push(message.batch);
      this.#untaken++;
    } else {
      this.#ended = true;
      if (message.type === 'failed') this.#failure ??= fromFailure(message.failure);
    }
    this.#watchOver();
    this.#changed();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#changed();
  }

  /** There is no thread any more that could do anything about it. */
  lost(error: ChartlyError): void {
    this.#ended = true;
    this.fail(error);
  }

  /** Resolves once the thread is done with the payload; false when it does not let go of it. */
  async letGo(): Promise<boolean> {
    this.#failure ??= new ChartlyError('cancelled', 'The payload is not wanted any more.');
    if (!this.#ended) this.#post({ type: 'abort' });
    const deadline = setTimeout(() => this.#changed(), abortMs);
    const until = performance.now() + abortMs;
    while (!this.#ended && performance.now() < until) await this.#change();
    clearTimeout(deadline);
    clearTimeout(this.#watch);
    return this.#ended;
  }

  async #feed(pass: number): Promise<void> {
    this.#pass = pass;
    this.#unread = 0;
    this.#sentAll = false;
    const wanted = (): boolean => this.#failure === undefined && this.#pass === pass;
    for await (const chunk of this.#open()) {
      while (this.#unread >= chunksAhead && wanted()) await this.#change();
      if (!wanted()) return;
      this.#unread++;
      // The whole memory goes along where nothing else can stand in it.
      const own = chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk);
      this.#post({ type: 'bytes', pass, chunk: own }, [own.buffer as ArrayBuffer]);
      this.#watchOver();
    }
    if (!wanted()) return;
    this.#sentAll = true;
    this.#post({ type: 'end', pass });
    this.#watchOver();
  }

  async #answer(question: Extract<FromThread, { type: 'ask' | 'keep' }>): Promise<void> {
    if (this.#vault === undefined) throw new ChartlyError('internal', 'A profile with a policy was given no keys.');
    this.#asked = true;
    let keys: Awaited<ReturnType<Vault['subjectKeys']>> = [];
    if (question.type === 'ask') keys = await this.#vault.subjectKeys(question.subjects);
    else await this.#vault.keepTokens(question.tokens);
    // An answer to a payload that is not wanted any more would be taken for one to the next.
    if (this.#failure === undefined) this.#post({ type: 'answer', keys });
    this.#asked = false;
    this.#watchOver();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#sleepers.push(resolve));
  }

  #changed(): void {
    for (const wake of this.#sleepers.splice(0)) wake();
  }

  /** While the thread owes something it must be heard of now and then. */
  #watchOver(): void {
    clearTimeout(this.#watch);
    const owes = (this.#unread > 0 || this.#sentAll) && this.#untaken < batchesAhead;
    if (!owes || this.#asked || this.#ended) return;
    this.#watch = setTimeout(() => {
      this.fail(
        new ChartlyError('poisoned', `Mapping the payload made no progress in ${this.#stalledMs / 1000} seconds.`, {
          action:
            'Look for a rule of the profile that is too costly for these rows; correct it, and retry the dead letter.',
        }),
      );
    }, this.#stalledMs);
    this.#watch.unref();
  }
}
