/** Reads a source over HTTP, page by page. */
import type { Source } from '#contracts';
import { asChartlyError, ChartlyError, type Clock, type Logger } from '#kit';
import type { BlobStore } from '#storage';
import type { Dispatcher } from 'undici';
import { sleepAtLeast, throwIfStopped } from './cancel.ts';
import { captureAnswer, type PageIdentity } from './capture.ts';
import type { Connector } from './connector.ts';
import type { CallContext, HttpCaller } from './http-call.ts';
import { exchange } from './http-exchange.ts';
import type { CapturedPage, FetchTask, SourceState } from './index.ts';
import { linkTarget } from './link-header.ts';
import { limitsOf, maxPagedBytes, type Limits } from './limits.ts';
import { createPagePlan, type PagePlan } from './pagination.ts';
import { createRequestTemplate, parseUrl, type HttpSpec, type RequestTemplate } from './request.ts';
import { nextTryMs } from './retry.ts';
import { createSecrets, type Secrets } from './secrets.ts';

export interface HttpConnectorDeps {
  blobs: BlobStore;
  logger: Logger;
  clock: Clock;
  caller: HttpCaller;
  dispatcher(allowPrivate: boolean): Dispatcher;
  secrets: { env: Record<string, string | undefined>; dir: string };
}

interface Job {
  task: FetchTask;
  spec: HttpSpec;
  limits: Limits;
  plan: PagePlan;
  secrets: Secrets;
  template: RequestTemplate;
}

/** A page and where the next one is. */
interface Fetched {
  page: CapturedPage;
  next: string | undefined;
}

export function createHttpConnector(deps: HttpConnectorDeps): Connector {
  return {
    name: 'http',
    title: 'HTTP',
    description: 'GET or POST over http and https: pages, retries, conditional requests, compressed bodies.',
    async *fetch(task) {
      throwIfStopped(task.signal);
      const job = await prepare(deps, task);
      const seen = new Set<string>();
      let { page, cursor } = startOf(job);
      for (;;) {
        throwIfStopped(task.signal);
        const fetched = await fetchPage(deps, job, page, cursor);
        if (fetched.next !== undefined) refuseLoop(seen, fetched.next, page);
        yield fetched.page;
        if (fetched.next === undefined) return;
        cursor = fetched.next;
        page++;
      }
    },
  };
}

async function prepare(deps: HttpConnectorDeps, task: FetchTask): Promise<Job> {
  const spec = httpSpec(task.source);
  const secrets = createSecrets(deps.secrets);
  const template = await createRequestTemplate(spec, secrets);
  return { task, spec, limits: limitsOf(task.source), plan: createPagePlan(spec.pagination), secrets, template };
}

function httpSpec(source: Source): HttpSpec {
  if (source.http !== undefined) return source.http;
  throw new ChartlyError('validation_failed', `The source ${source.source} has no http section.`);
}

/** The first page, or the one after the last settled page of the same run. */
function startOf({ task, plan, secrets }: Job): { page: number; cursor: string | undefined } {
  const resume = task.state?.resume;
  if (!plan.paged || resume?.run_id !== task.runId) return { page: 0, cursor: undefined };
  return { page: resume.page + 1, cursor: plan.cursorIsUrl ? secrets.revealUrl(resume.cursor) : resume.cursor };
}

function refuseLoop(seen: Set<string>, next: string, page: number): void {
  if (!seen.has(next)) return void seen.add(next);
  throw new ChartlyError('upstream_error', `Page ${page} points back to a page that was read already.`, {
    action: 'Check http.pagination of the source; the upstream repeats its cursor.',
  });
}

/** One page under the retry policy and the deadline, which covers all its tries. */
async function fetchPage(
  deps: HttpConnectorDeps,
  job: Job,
  page: number,
  cursor: string | undefined,
): Promise<Fetched> {
  const { task, limits } = job;
  const budget = { leftMs: limits.deadlineMs };
  const context: CallContext = {
    sourceKey: `${task.tenantId}/${task.source.source}`,
    limits,
    dispatcher: deps.dispatcher(job.spec.allow_private ?? false),
    budget,
    signal: task.signal,
  };
  let last: ChartlyError | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryPage(deps, job, page, cursor, context);
    } catch (thrown) {
      const error = asChartlyError(thrown);
      const wait = nextTryMs(error, attempt, limits);
      if (wait === undefined || wait >= budget.leftMs) throw withTries(error, page, attempt, last);
      last = error;
      deps.logger.debug('page is tried again', {
        ...logFields(task),
        page,
        attempt,
        code: error.code,
        wait_ms: Math.round(wait),
      });
      await sleepAtLeast(wait, task.signal);
      budget.leftMs -= wait;
    }
  }
}

function logFields(task: FetchTask) {
  return { tenant_id: task.tenantId, source_id: task.source.source, request_id: task.requestId };
}

/** Says how far it came; a breaker that opened on the way must not hide the failure that opened it. */
function withTries(error: ChartlyError, page: number, tries: number, last?: ChartlyError): ChartlyError {
  if (tries === 1 && page === 0) return error;
  const { code, cause, retryable, retryAfterMs, details, action } = error;
  const reason = code === 'breaker_open' && last !== undefined ? ` ${last.message}` : '';
  const message = `${error.message}${reason} (page ${page}, ${tries === 1 ? '1 try' : `${tries} tries`})`;
  return new ChartlyError(code, message, { cause: cause ?? last?.cause, retryable, retryAfterMs, details, action });
}

async function tryPage(
  deps: HttpConnectorDeps,
  job: Job,
  page: number,
  cursor: string | undefined,
  context: CallContext,
): Promise<Fetched> {
  const { task, plan, template, limits } = job;
  const url = pageUrl(job, cursor);
  const key = template.key(url, plan.param);
  const earlier = await earlierCapture(deps.blobs, job, key);
  const request = template.request(url);
  if (earlier?.etag !== undefined) request.headers['if-none-match'] = earlier.etag;
  if (earlier?.last_modified !== undefined) request.headers['if-modified-since'] = earlier.last_modified;

  const captured = await exchange(deps, request, template.request, context, async (answer, finalUrl) => {
    if (answer.status === 304) {
      await answer.drain();
      return { etag: answer.header('etag') };
    }
    const identity: PageIdentity = { task, page, requestKey: key, url: finalUrl };
    const maxBytes = plan.readsBody ? Math.min(limits.maxBytes, maxPagedBytes) : limits.maxBytes;
    const stored = await captureAnswer(deps.blobs, answer, identity, { maxBytes, keepBody: plan.readsBody });
    return { ...stored, header: answer.header, url: finalUrl };
  });
  if (!('raw' in captured)) {
    const requests = { [key]: { ...earlier!, etag: captured.etag ?? earlier!.etag } };
    return { page: { raw: earlier!.raw, unchanged: true, state: { requests } }, next: undefined };
  }
  const { raw, header } = captured;
  const next = nextCursor(job, page, cursor, captured);
  const state = next === undefined ? lastState(plan, key, raw, header) : resumeState(job, page, next);
  const way = wayOf(plan, page, next, captured.body);
  return { page: { raw, unchanged: false, state, ...(way === undefined ? {} : { way }) }, next };
}

function wayOf(plan: PagePlan, page: number, next: string | undefined, body: Buffer): CapturedPage['way'] {
  if (page > 0 || plan.pointsOn === undefined || plan.maxPages <= 1) return undefined;
  if (next !== undefined) return 'found';
  return plan.pointsOn(body) ? 'ended' : 'missing';
}

type Captured = { raw: CapturedPage['raw']; body: Buffer; header: (name: string) => string | undefined; url: URL };

function pageUrl({ plan, template }: Job, cursor: string | undefined): URL {
  if (plan.cursorIsUrl && cursor !== undefined) return template.withoutCredentials(parseUrl(cursor, template.url));
  const url = new URL(template.url);
  for (const [name, value] of Object.entries(plan.params(cursor))) url.searchParams.set(name, value);
  return url;
}

/** What the last run captured for this request, if it may be asked for conditionally: its bytes must still be there. */
async function earlierCapture(blobs: BlobStore, { task, spec, plan }: Job, key: string) {
  if (plan.paged || spec.conditional === false || spec.method === 'POST') return undefined;
  const requests = task.state?.requests ?? {};
  const earlier = Object.hasOwn(requests, key) ? requests[key] : undefined;
  if (earlier === undefined || (await blobs.stat(earlier.raw.bucket, earlier.raw.sha256)) === undefined)
    return undefined;
  return earlier;
}

function nextCursor(
  { plan, template }: Job,
  page: number,
  cursor: string | undefined,
  captured: Captured,
): string | undefined {
  if (!plan.paged || page + 1 >= plan.maxPages) return undefined;
  try {
    const next = plan.next({ cursor, body: captured.body, link: linkTarget(captured.header('link'), 'next') });
    if (next === undefined || !plan.cursorIsUrl) return next;
    return template.withoutCredentials(parseUrl(next, captured.url)).href;
  } catch (error) {
    const { code, message, cause, retryable, action } = asChartlyError(error);
    const details = [{ message: `The bytes of the page are kept as blob ${captured.raw.sha256}.` }];
    throw new ChartlyError(code, message, { cause, retryable, action, details });
  }
}

function resumeState({ task, plan, secrets }: Job, page: number, next: string): SourceState {
  const cursor = plan.cursorIsUrl ? secrets.conceal(next) : next;
  return { requests: {}, resume: { run_id: task.runId, page, cursor } };
}

function lastState(plan: PagePlan, key: string, raw: CapturedPage['raw'], header: Captured['header']): SourceState {
  const etag = header('etag');
  const last_modified = header('last-modified');
  if (plan.paged || (etag === undefined && last_modified === undefined)) return { requests: {} };
  return { requests: { [key]: { etag, last_modified, raw } } };
}
