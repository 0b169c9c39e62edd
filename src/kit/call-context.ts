import { AsyncLocalStorage } from 'node:async_hooks';

/** What a request takes along from process to process. */
export interface CallContext {
  requestId: string;
  /** As the W3C header says it. */
  traceparent?: string | undefined;
}

const storage = new AsyncLocalStorage<CallContext>();

/** Runs `work`; calls to other services that it makes say which request they belong to. */
export function withCallContext<T>(context: CallContext, work: () => T): T {
  return storage.run(context, work);
}

export function callContext(): CallContext | undefined {
  return storage.getStore();
}
