/**
 * The demo's upstream: real data of the npm package vega-datasets (its code is BSD-3-Clause; each data set keeps its own
 * licence, listed in that package's datapackage.json) over HTTP on loopback, with the manners of real upstreams:
 * one endpoint answers 429 first, one 503 twice, one honours ETag, one delivers gzip, one pages by cursor.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { ChartlyError } from '#kit';

export interface DemoUpstream {
  /** Base URL without a trailing slash, e.g. `http://127.0.0.1:41234`. */
  url: string;
  /** Ends the server and every connection to it. */
  close(): Promise<void>;
}

interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

type Endpoint = { about: string; answer(request: IncomingMessage, url: URL): Promise<Reply> };

const maxFlightsPage = 1000;
const json = { 'content-type': 'application/json' };
const csv = { 'content-type': 'text/csv; charset=utf-8' };

/** Where a data file of vega-datasets lies on disk; for the upstream and for tests that count without the pipeline. */
export function demoDataFile(name: string): URL {
  return new URL(`../data/${name}`, import.meta.resolve('vega-datasets'));
}

const load = (name: string): Promise<Buffer> => readFile(demoDataFile(name));

/** Serves on loopback until closed. Port 0 (the default) takes a free one. Errors: `port_in_use`. */
export async function startDemoUpstream(options: { port?: number } = {}): Promise<DemoUpstream> {
  const endpoints = createEndpoints();
  const server = createServer((request, response) => void serve(endpoints, request, response));
  await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function createEndpoints(): Record<string, Endpoint> {
  let weatherRefusals = 2;
  let airportRefusals = 1;
  return {
    '/earthquakes.geojson': {
      about: 'Earthquakes of one week (USGS), GeoJSON; honours ETag',
      answer: async (request) => withEtag(request, await load('earthquakes.json')),
    },
    '/stocks.csv': { about: 'Monthly stock prices', answer: () => asCsv('stocks.csv') },
    '/co2.csv': { about: 'CO2 at Mauna Loa, delivered gzip-encoded', answer: (request) => co2(request) },
    '/weather.csv': {
      about: 'Daily weather of Seattle; the first two requests get 503',
      answer: async () => (weatherRefusals-- > 0 ? busy(503) : asCsv('seattle-weather.csv')),
    },
    '/employment.csv': { about: 'Employment in the United States by sector', answer: () => asCsv('us-employment.csv') },
    '/airports.csv': {
      about: 'Airports of the United States; the first request gets 429 with Retry-After: 1',
      answer: async () => (airportRefusals-- > 0 ? busy(429, { 'retry-after': '1' }) : asCsv('airports.csv')),
    },
    '/flights': {
      about: 'Flights, in cursor pages: ?cursor=&limit= (1,000 at most)',
      answer: (_, url) => flights(url),
    },
    '/movies.json': {
      about: 'Movies, as dirty as they come',
      answer: async () => ({ status: 200, headers: json, body: await load('movies.json') }),
    },
  };
}

async function asCsv(file: string): Promise<Reply> {
  return { status: 200, headers: csv, body: await load(file) };
}

function busy(status: number, headers: Record<string, string> = {}): Reply {
  return { status, headers: { ...json, ...headers }, body: JSON.stringify({ error: 'busy, come back later' }) };
}

function withEtag(request: IncomingMessage, body: Buffer): Reply {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
  const known = (request.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(etag) || known.includes('*')) return { status: 304, headers: { etag } };
  return { status: 200, headers: { 'content-type': 'application/geo+json', etag }, body };
}

async function co2(request: IncomingMessage): Promise<Reply> {
  const body = await load('co2-concentration.csv');
  const headers = { ...csv, vary: 'accept-encoding' };
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return { status: 200, headers, body };
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: await promisify(gzip)(body) };
}

/** One page after `cursor`, which is the id of the last flight seen. `id` is the row's ordinal, from 1. */
async function flights(url: URL): Promise<Reply> {
  const cursor = url.searchParams.get('cursor') || '0';
  const limit = url.searchParams.get('limit') || String(maxFlightsPage);
  if (!/^\d{1,9}$/.test(cursor) || !/^[1-9]\d{0,8}$/.test(limit)) {
    return { status: 400, headers: json, body: JSON.stringify({ error: 'cursor and limit are numbers' }) };
  }
  const rows = JSON.parse((await load('flights-5k.json')).toString()) as Record<string, unknown>[];
  const start = Number(cursor);
  const end = start + Math.min(Number(limit), maxFlightsPage);
  const page = rows.slice(start, end).map((row, i) => ({ id: start + i + 1, ...row }));
  const body = JSON.stringify({ flights: page, next_cursor: end < rows.length ? String(end) : null });
  return { status: 200, headers: json, body };
}

function landing(endpoints: Record<string, Endpoint>): Reply {
  const items = Object.entries(endpoints).map(([path, e]) => `<li><a href="${path}">${path}</a>: ${e.about}</li>`);
  const body = `<!doctype html><meta charset="utf-8"><title>Demo upstream</title><h1>Demo upstream</h1>
<p>Real data of the npm package vega-datasets, served the way real upstreams behave.</p><ul>${items.join('\n')}</ul>`;
  return { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

async function serve(endpoints: Record<string, Endpoint>, request: IncomingMessage, response: ServerResponse) {
  let reply: Reply;
  try {
    reply = await route(endpoints, request);
  } catch {
    reply = { status: 500, headers: json, body: JSON.stringify({ error: 'the data file cannot be read' }) };
  }
  const length = reply.status === 304 ? {} : { 'content-length': Buffer.byteLength(reply.body ?? '') };
  response.writeHead(reply.status, { ...reply.headers, ...length });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

async function route(endpoints: Record<string, Endpoint>, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, headers: { allow: 'GET, HEAD' } };
  const url = new URL(request.url ?? '/', 'http://demo');
  if (url.pathname === '/') return landing(endpoints);
  const endpoint = Object.hasOwn(endpoints, url.pathname) ? endpoints[url.pathname] : undefined;
  return endpoint?.answer(request, url) ?? { status: 404, headers: json, body: '{"error":"no such endpoint"}' };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EADDRINUSE') return reject(cause);
      reject(new ChartlyError('port_in_use', `Port ${port} for the demo's upstream is taken.`, { cause }));
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}
