import { setFlagsFromString } from 'node:v8';

/**
 * Payloads and batches pass through as buffers of megabytes that live for a moment. Left alone, V8 collects its whole heap for every 64 MB of
 * them, which took a quarter of all the time of a large ingest. With these the buffers count as part of the heap's own limit.
 * Measured with Node 26; a Node that knows the flags no more goes on without them.
 */
export function setMemoryFlags(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--external-memory-max-growing-factor=4');
}
