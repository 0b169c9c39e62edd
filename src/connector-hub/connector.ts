import type { CapturedPage, FetchTask } from './index.ts';

/** One way to read upstreams, named after the system it speaks to. */
export interface Connector {
  name: string;
  title: string;
  description: string;
  /** As ConnectorHub.fetch. */
  fetch(task: FetchTask): AsyncGenerator<CapturedPage>;
}
