/** How the next page is found. A plan is made once for a source; `next` looks at one page. */
import { compile, type JSONPathQuery } from 'json-p3';
import { ChartlyError } from '#kit';
import type { HttpSpec } from './request.ts';

type Spec = NonNullable<HttpSpec['pagination']>;

/** What a page shows of the way on. */
export interface PageView {
  /** The page's own position: what `next` gave for it; undefined for the first. */
  cursor: string | undefined;
  /** The body; empty unless the plan reads bodies. */
  body: Buffer;
  link: string | undefined;
}

export interface PagePlan {
  /** False: one request gives everything. */
  paged: boolean;
  /** Whether `next` needs the body. */
  readsBody: boolean;
  /** Whether cursors are URLs. */
  cursorIsUrl: boolean;
  /** The request parameter that holds the cursor. */
  param: string | undefined;
  maxPages: number;
  /** Parameters of the request for the page at this cursor (undefined: the first). */
  params(cursor: string | undefined): Record<string, string>;
  /** The next page's cursor, or undefined after the last. */
  next(view: PageView): string | undefined;
  /** Whether the member that says where the next page is stands in the body; undefined when no member does. */
  pointsOn: ((body: Buffer) => boolean) | undefined;
}

/** Errors: `validation_failed` for a JSONPath that does not compile. */
export function createPagePlan(spec: Spec = { type: 'none' }): PagePlan {
  switch (spec.type) {
    case 'none':
      return { ...unpaged, maxPages: 1 };
    case 'page':
      return counted(spec, spec.start ?? 1, () => 1);
    case 'offset':
      return counted(spec, 0, () => spec.size);
    case 'cursor': {
      const path = compilePath(spec.cursor, 'cursor');
      return {
        ...paged(spec),
        param: spec.param,
        params: (cursor) => ({ ...sizeParam(spec), ...(cursor === undefined ? {} : { [spec.param]: cursor }) }),
        next: ({ body }) => findCursor(path, body),
        pointsOn: (body) => isThere(path, body),
      };
    }
    case 'link':
      return { ...paged(spec), readsBody: false, cursorIsUrl: true, next: ({ link }) => link };
    case 'next_url': {
      const path = compilePath(spec.path, 'path');
      return {
        ...paged(spec),
        cursorIsUrl: true,
        next: ({ body }) => findCursor(path, body),
        pointsOn: (body) => isThere(path, body),
      };
    }
  }
}

const unpaged: PagePlan = {
  paged: false,
  readsBody: false,
  cursorIsUrl: false,
  param: undefined,
  maxPages: Infinity,
  params: () => ({}),
  next: () => undefined,
  pointsOn: undefined,
};

function paged(spec: { max_pages?: number }): PagePlan {
  return { ...unpaged, paged: true, readsBody: true, maxPages: spec.max_pages ?? Infinity };
}

type Counted = Extract<Spec, { type: 'page' | 'offset' }>;

/** Pages named by a number that grows: the last one has fewer rows than a full one, or none. */
function counted(spec: Counted, start: number, step: () => number): PagePlan {
  const path = compilePath(spec.records, 'records');
  return {
    ...paged(spec),
    param: spec.param,
    params: (cursor) => ({ ...sizeParam(spec), [spec.param]: cursor ?? String(start) }),
    next({ cursor, body }) {
      const rows = countRows(path, parseBody(body));
      if (rows === 0 || (spec.size !== undefined && rows < spec.size)) return undefined;
      return String(Number(cursor ?? start) + step());
    },
  };
}

function sizeParam(spec: { size_param?: string; size?: number }): Record<string, string> {
  return spec.size_param === undefined || spec.size === undefined ? {} : { [spec.size_param]: String(spec.size) };
}

/** A path may name the rows, or the one array that holds them. */
function countRows(path: JSONPathQuery, json: unknown): number {
  const values = path.query(json as never).values();
  return values.length === 1 && Array.isArray(values[0]) ? values[0].length : values.length;
}

function isThere(path: JSONPathQuery, body: Buffer): boolean {
  return path.query(parseBody(body) as never).values().length > 0;
}

function findCursor(path: JSONPathQuery, body: Buffer): string | undefined {
  const value = path.query(parseBody(body) as never).values()[0];
  const inexact = typeof value === 'number' && !Number.isSafeInteger(value);
  return cursorText(inexact ? path.query(parseBody(body, exactNumbers) as never).values()[0] : value);
}

/** Numbers that JavaScript would round stay the text that they were: a cursor must go back as it came. */
function exactNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? (context?.source ?? value) : value;
}

/** A page that is not JSON hides the way on; another try may bring it whole. */
function parseBody(body: Buffer, reviver?: typeof exactNumbers): unknown {
  try {
    return JSON.parse(utf8.decode(body), reviver as never);
  } catch {
    throw new ChartlyError('upstream_error', 'The page is not valid JSON, so the next page cannot be found.', {
      retryable: true,
    });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Absent, null, false and empty end the pages; a number is taken as its text. */
function cursorText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string' && value !== '') return value;
  if (value === undefined || value === null || value === false || value === '') return undefined;
  throw new ChartlyError('upstream_error', 'The next cursor in the page is neither text nor a number.', {
    action: 'Correct the JSONPath in http.pagination.',
  });
}

function compilePath(path: string, field: string): JSONPathQuery {
  try {
    return compile(path);
  } catch (cause) {
    throw new ChartlyError('validation_failed', `http.pagination.${field} of the source is not a valid JSONPath.`, {
      cause,
    });
  }
}
