/** One call, as the process that serves it sees it. */
import { ChartlyError, type ErrorDetail } from './errors.ts';
import { decodeValue, encodeValue, type Handle } from './rpc-codec.ts';
import type { Frame } from './rpc-frames.ts';
import type { MethodRule, MethodTable } from './rpc-methods.ts';

/** A service that other processes can call. */
export interface RpcService {
  name: string;
  method(name: string): ServedMethod | undefined;
}

interface ServedMethod {
  rule: MethodRule;
  handles: readonly Handle[];
  run: (args: unknown[]) => unknown;
}

/** The methods of `table` served by `target`, under the name of the service. */
export function rpcService<T extends object>(
  name: string,
  table: MethodTable<T>,
  target: T,
  handles: readonly Handle[] = [],
): RpcService {
  return {
    name,
    method(method) {
      if (!Object.hasOwn(table, method)) return undefined;
      const run = target[method as keyof T] as (...args: unknown[]) => unknown;
      return { rule: table[method as keyof T], handles, run: (args) => run.apply(target, args) };
    },
  };
}

/** Reads the arguments, calls, and sends what comes of it. Throws what the method throws; `bad_request` for arguments that it does not take. */
export async function runCall(
  { rule, handles, run }: ServedMethod,
  lines: AsyncGenerator<string>,
  send: (frame: Frame) => void,
  signal: AbortSignal,
): Promise<void> {
  const callback =
    (number: number) =>
    (...args: unknown[]): void =>
      send({ kind: 'callback', number, text: encodeValue(args) });
  const held = holding(handles);
  try {
    const args = checked(rule, await readArguments(lines, { handles: held.handles, callback, signal }));
    if (rule.stream === true) return await stream(run(args) as AsyncIterable<unknown>, lines, send, held.handles);
    const result = await run(args);
    send({ kind: 'result', text: encodeValue(result, { handles: held.handles }) });
  } finally {
    await held.release();
  }
}

/** Remembers what crossed by its name, in either direction. */
function holding(handles: readonly Handle[]): { handles: readonly Handle[]; release(): Promise<void> } {
  const crossed: [Handle, unknown][] = [];
  return {
    handles: handles.map((handle) => ({
      ...handle,
      nameOf(value) {
        const name = handle.nameOf(value);
        if (name !== undefined) crossed.push([handle, value]);
        return name;
      },
      open(name) {
        const value = handle.open(name);
        crossed.push([handle, value]);
        return value;
      },
    })),
    async release() {
      for (const [handle, value] of crossed) await handle.release(value);
    },
  };
}

async function readArguments(
  lines: AsyncGenerator<string>,
  decoding: Parameters<typeof decodeValue>[1],
): Promise<unknown> {
  try {
    const first = await lines.next();
    return decodeValue(first.done === true ? '' : first.value, decoding);
  } catch (cause) {
    throw new ChartlyError('bad_request', 'The arguments of the call cannot be read.', { cause });
  }
}

function checked(rule: MethodRule, args: unknown): unknown[] {
  const details: ErrorDetail[] = [];
  if (!Array.isArray(args) || args.length > rule.args.length) {
    throw new ChartlyError('bad_request', 'The call does not have the arguments of its method.');
  }
  for (const [i, check] of rule.args.entries()) {
    const found = check(args[i], `/${i}`);
    if (found !== undefined) details.push(found);
  }
  if (details.length > 0) throw new ChartlyError('bad_request', 'An argument of the call is wrong.', { details });
  return args;
}

/** Each line that comes asks for one item. */
async function stream(
  items: AsyncIterable<unknown>,
  lines: AsyncGenerator<string>,
  send: (frame: Frame) => void,
  handles: readonly Handle[],
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  // What ends by itself, with an error or without, has let go already.
  let ended = false;
  const next = async (): Promise<IteratorResult<unknown>> => {
    try {
      const item = await iterator.next();
      ended = item.done === true;
      return item;
    } catch (error) {
      ended = true;
      throw error;
    }
  };
  try {
    for await (const _ of lines) {
      const item = await next();
      if (item.done === true) return send({ kind: 'done' });
      send({ kind: 'item', text: encodeValue(item.value, { handles }) });
    }
  } finally {
    // Whoever asks for no more lets go of the source as well.
    if (!ended) await iterator.return?.();
  }
}
