/**
 * The command line: argv to HTTP calls, and answers to tables or JSON. The only place that knows exit codes:
 * 0 done, 1 failed, 2 bad usage.
 */
export { run } from './run.ts';
export { type Io } from './io.ts';
