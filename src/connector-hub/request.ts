/** From a source's `http` section to the requests of its pages: references resolved, credentials kept apart. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Source } from '#contracts';
import { ChartlyError, sha256Hex } from '#kit';
import type { Secrets } from './secrets.ts';
import { acceptEncoding } from './decode.ts';

export type HttpSpec = NonNullable<Source['http']>;

/** One request, ready to be sent. */
export interface HttpRequest {
  url: URL;
  method: 'GET' | 'POST';
  /** Names in lower case. */
  headers: Record<string, string>;
  body?: string;
}

/** What all pages of a task have in common. */
export interface RequestTemplate {
  /** The first page's URL with the source's parameters; no credentials in it. */
  url: URL;
  /** A request for this URL. The source's headers, body and credentials go to the source's own origin only, and only if trusted. */
  request: (url: URL, trusted?: boolean) => HttpRequest;
  /** Names the request, stable over runs and without secrets; at most 2048 characters. `keep`: a parameter that is not one. */
  key(url: URL, keep?: string): string;
  /** A URL from outside without our credentials in it. */
  withoutCredentials(url: URL): URL;
}

const secretParameter =
  /(^|[-_.])(api[-_]?key|key|token|access[-_]?token|secret|client[-_]?secret|password|passwd|pwd|sig|signature|auth|authorization|credential)s?$|^(apikey|accesstoken)$/i;
const longestKey = 2048;

/** Resolves the source's references. Errors: `secret_missing`, `validation_failed` (not a URL, a header that cannot be sent). */
export async function createRequestTemplate(spec: HttpSpec, secrets: Secrets): Promise<RequestTemplate> {
  const url = parseUrl(await secrets.resolve(spec.url));
  for (const [name, value] of Object.entries(spec.params ?? {})) {
    url.searchParams.set(name, typeof value === 'string' ? await secrets.resolve(value) : String(value));
  }
  const headers = await sourceHeaders(spec, secrets, url);
  const queryKey = spec.auth?.type === 'api_key' && spec.auth.in === 'query' ? spec.auth : undefined;
  const queryValue = queryKey === undefined ? '' : await secrets.resolve(queryKey.value);
  const method = spec.method ?? 'GET';
  const body = method === 'POST' && spec.body !== undefined ? await resolveBody(spec.body, secrets) : undefined;
  const bodyKey =
    spec.body !== undefined && method === 'POST' ? ` ${sha256Hex(JSON.stringify(spec.body)).slice(0, 16)}` : '';
  const origin = url.origin;

  const withoutCredentials = (target: URL): URL => {
    const bare = new URL(target);
    bare.username = bare.password = bare.hash = '';
    if (queryKey !== undefined) bare.searchParams.delete(queryKey.name);
    return bare;
  };

  return {
    url: withoutCredentials(url),
    withoutCredentials,
    request(target, trusted = true) {
      const own = { accept: '*/*', 'user-agent': 'chartly', 'accept-encoding': acceptEncoding };
      const clean = withoutCredentials(target);
      if (!trusted || clean.origin !== origin) return { url: clean, method: 'GET', headers: own };
      if (queryKey !== undefined) clean.searchParams.set(queryKey.name, queryValue);
      return { url: clean, method, headers: { ...own, ...headers }, body };
    },
    key(target, keep) {
      const clean = withoutCredentials(target);
      for (const name of new Set(clean.searchParams.keys())) {
        if (name !== keep && secretParameter.test(name)) clean.searchParams.set(name, 'REDACTED');
      }
      const text = `${method} ${secrets.conceal(clean.href)}${bodyKey}`;
      return text.length <= longestKey ? text : `${text.slice(0, longestKey - 65)}#${sha256Hex(text)}`;
    },
  };
}

/** The URL, or an error that does not quote it: it may hold a secret. */
export function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  if (base === undefined) {
    throw new ChartlyError('validation_failed', 'http.url of the source is not an http or https URL.', {
      action: 'Correct http.url, and the values of the references in it.',
    });
  }
  throw new ChartlyError(
    'upstream_error',
    `The upstream ${domainOf(base)} points to something that is not an http or https URL.`,
  );
}

/** `host:port`, the unit of limits and breakers. */
export function domainOf(url: URL): string {
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}

async function sourceHeaders(spec: HttpSpec, secrets: Secrets, url: URL): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.headers ?? {}))
    headers[name.toLowerCase()] = await secrets.resolve(value);
  if (spec.method === 'POST' && spec.body !== undefined) headers['content-type'] ??= 'application/json';
  if (url.username !== '' || url.password !== '') {
    headers['authorization'] = basic(decodeURIComponent(url.username), decodeURIComponent(url.password));
  }
  const { auth } = spec;
  if (auth?.type === 'bearer') headers['authorization'] = `Bearer ${await secrets.resolve(auth.token)}`;
  if (auth?.type === 'basic') {
    headers['authorization'] = basic(await secrets.resolve(auth.username), await secrets.resolve(auth.password));
  }
  if (auth?.type === 'api_key' && auth.in === 'header')
    headers[auth.name.toLowerCase()] = await secrets.resolve(auth.value);
  for (const [name, value] of Object.entries(headers)) checkHeader(name, value);
  return headers;
}

const managedHeaders = new Set('host connection content-length transfer-encoding keep-alive upgrade expect'.split(' '));

function checkHeader(name: string, value: string): void {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    if (!managedHeaders.has(name)) return;
  } catch {
    // No cause: it might quote the value.
  }
  throw new ChartlyError('validation_failed', `The header ${name} of the source cannot be sent.`, {
    action: 'Correct the header in the source, or the value that its reference leads to.',
  });
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function resolveBody(body: unknown, secrets: Secrets): Promise<string> {
  const resolveValue = async (value: unknown): Promise<unknown> => {
    if (typeof value === 'string') return secrets.resolve(value);
    if (Array.isArray(value)) return Promise.all(value.map(resolveValue));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(async ([k, v]) => [k, await resolveValue(v)] as const);
    return Object.fromEntries(await Promise.all(entries));
  };
  return JSON.stringify(await resolveValue(body));
}
