import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import { validator } from '#contracts';
import { ChartlyError } from '#kit';

export interface Answer {
  body: Buffer;
  headers: Record<string, string | string[] | undefined>;
}

/** The HTTP API, as one key sees it. Errors: what the problem document says; `upstream_unreachable` when nobody answers. */
export interface ApiClient {
  url: string;
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body?: unknown, query?: Query): Promise<T>;
  /** The answer as it comes, for what is not JSON. */
  download(path: string, query?: Query): Promise<Answer>;
  close(): Promise<void>;
}

type Query = Record<string, string | number | undefined>;

export function createApiClient(options: { url: string; apiKey: string }): ApiClient {
  // Verifying a large ledger takes longer than the default five minutes.
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connectTimeout: 5_000 });
  const authorization = `Bearer ${options.apiKey}`;

  async function send(method: 'GET' | 'POST', path: string, query: Query = {}, body?: unknown): Promise<Answer> {
    const headers: Record<string, string> = { authorization };
    if (method === 'POST') headers['idempotency-key'] = randomUUID();
    if (body !== undefined) headers['content-type'] = 'application/json';
    const answer = await ask(`${options.url}${path}${encodeQuery(query)}`, {
      method,
      headers,
      dispatcher,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.statusCode >= 400) throw fromProblem(answer);
    return answer;
  }

  async function ask(
    url: string,
    init: NonNullable<Parameters<typeof request>[1]>,
  ): Promise<Answer & { statusCode: number }> {
    try {
      const response = await request(url, init);
      return {
        statusCode: response.statusCode,
        headers: response.headers,
        body: Buffer.from(await response.body.arrayBuffer()),
      };
    } catch (cause) {
      throw new ChartlyError('upstream_unreachable', `No answer from Chartly at ${options.url}.`, {
        cause,
        retryable: true,
        action: 'Check the URL; start a server with `chartly up`, or leave --url out to use the data directory.',
      });
    }
  }

  return {
    url: options.url,
    get: async <T>(path: string, query?: Query) => parse(await send('GET', path, query)) as T,
    post: async <T>(path: string, body?: unknown, query?: Query) => parse(await send('POST', path, query, body)) as T,
    download: async (path, query) => send('GET', path, query),
    // Not `close`, which waits for answers: whoever leaves does not want them any more.
    close: async () => dispatcher.destroy(),
  };
}

function encodeQuery(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

function parse({ body }: Answer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ChartlyError('internal', 'The answer is not JSON: this may not be a Chartly server.', { cause });
  }
}

function fromProblem({ body, statusCode }: { body: Buffer; statusCode: number }): ChartlyError {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    value = undefined;
  }
  if (!validator('errors/problem')(value)) {
    return new ChartlyError('internal', `The server answered ${statusCode}, without saying why.`, {
      action: 'Check that the URL is that of a Chartly server.',
    });
  }
  const reference = value.code === 'internal' && value.request_id ? ` (request ${value.request_id})` : '';
  return new ChartlyError(value.code, `${value.detail ?? value.title}${reference}`, {
    action: value.action,
    ...(value.errors === undefined ? {} : { details: value.errors }),
  });
}
