/** Somebody's wish that this process ends: Ctrl-C, a supervisor, a terminal that closes. */
export interface Interrupt {
  /** Aborted at the first such wish. */
  readonly signal: AbortSignal;
  /** Resolves at the first such wish. */
  readonly asked: Promise<void>;
  /** What the work gives, or `Interrupted` when the wish comes first. */
  orThrow<T>(work: Promise<T>): Promise<T>;
  /** Signals do again what they do by default. */
  release(): void;
}

/** The work of a command was cut short by a signal. */
export class Interrupted extends Error {}

/** What running jobs are given to end by themselves; what is cut off is repeated by whoever opens the data directory next. */
export const graceMs = 1_000;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
// A terminal sends Ctrl-C to the whole process group, and npm and the launcher pass theirs on: one wish comes several times.
const sameWishMs = 750;
const patienceMs = 4_000;
/** As shells count: 128 and the number of SIGINT. */
export const interruptedExitCode = 130;

/**
 * Listens for signals until `release`. After the first, this process has four seconds to end by itself; a second wish
 * ends it at once. Nothing is lost either way.
 */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  let askedAt: number | undefined;
  const onSignal = (): void => {
    if (askedAt === undefined) {
      askedAt = performance.now();
      setTimeout(() => process.exit(interruptedExitCode), patienceMs).unref();
      controller.abort();
      resolve();
    } else if (performance.now() - askedAt > sameWishMs) {
      process.exit(interruptedExitCode);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    asked: promise,
    orThrow: (work) =>
      Promise.race([
        work,
        promise.then(() => {
          throw new Interrupted();
        }),
      ]),
    release() {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
