// One declaration per route: what it asks of the caller, what it takes, what it gives. Routes are registered, and
// documented, from it.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Action, Principal } from '#auth';
import type { ContractName, ContractTypes } from '#contracts';
import type { RequestContext } from '#kit';
import type { Parameters, Values } from './parameters.ts';

export interface Call<P extends Parameters, Q extends Parameters, B> {
  principal: Principal;
  context: RequestContext;
  tenantId: string;
  params: Values<P>;
  query: Partial<Values<Q>>;
  body: B;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** What a route answers with when all goes well. */
export type ResponseShape =
  /** One value of a contract, or `{items, next}` of them. */
  | { status?: number; description: string; contract: ContractName; list?: boolean }
  /** Bytes of some media types; the handler returns a `Download`. */
  | { status?: number; description: string; media: readonly string[]; headers?: Record<string, string> };

export interface EndpointSpec<P extends Parameters, Q extends Parameters, B extends ContractName | undefined> {
  method: 'GET' | 'POST';
  /** In OpenAPI's form: `/v1/runs/{run_id}`. */
  path: string;
  tag: string;
  summary: string;
  /** What the caller's role has to cover. */
  action: Action;
  params?: P;
  query?: Q;
  body?: B;
  response: ResponseShape;
  /** Changes something: takes an Idempotency-Key. `secret`: the answer holds a secret, so its kept copy is sealed. */
  writes?: boolean | 'secret';
  handler(call: Call<P, Q, B extends ContractName ? ContractTypes[B] : undefined>): Promise<unknown>;
}

/** A declared route, its types forgotten: what registration and documentation need. */
export interface Endpoint extends Omit<EndpointSpec<Parameters, Parameters, ContractName | undefined>, 'handler'> {
  operationId: string;
  // The declaration checked the handler against the parsed values; here only the parser knows them.
  handler(call: Call<never, never, never>): Promise<unknown>;
}

/** Declares a route. */
export function endpoint<
  P extends Parameters = Record<string, never>,
  Q extends Parameters = Record<string, never>,
  const B extends ContractName | undefined = undefined,
>(operationId: string, spec: EndpointSpec<P, Q, B>): Endpoint {
  return { ...spec, operationId, handler: (call) => spec.handler(call) };
}

/** Bytes to send, whole or as a stream. */
export class Download {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly contentType: string;
  readonly size: number;
  readonly headers: Record<string, string>;

  constructor(options: {
    body: Uint8Array | AsyncIterable<Uint8Array>;
    contentType: string;
    size: number;
    headers?: Record<string, string>;
  }) {
    this.body = options.body;
    this.contentType = options.contentType;
    this.size = options.size;
    this.headers = options.headers ?? {};
  }
}

/** JSON text of a value; 64-bit integers become decimal text. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)) ?? 'null';
}
