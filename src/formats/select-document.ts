import { compileSelection, patternsTooCostly, type Selection } from '#kit';
import type { JSONPathNode, JSONValue } from 'json-p3';
import { decode, nesting } from './json-rows.ts';
import { locate, newWanted, want } from './locate.ts';
import type { RowCaps, RowSink, Splitter } from './row-sink.ts';
import { tooDeepMessage } from './split-json.ts';

/**
 * Rows by any RFC 9535 query. The whole document is held, so its size is capped; damage anywhere makes it one fault, and rows stand in the
 * query's order. Every row's byte range is its own, read off the document after the query has run.
 */
export function splitByQuery(sink: RowSink, caps: RowCaps, select: string): Splitter {
  const selection = compileSelection(select);
  let parts: Buffer[] = [];
  let size = 0;
  return {
    push(chunk) {
      size += chunk.length;
      if (size > caps.documentBytes) parts = [];
      else parts.push(chunk);
    },
    end() {
      if (size > caps.documentBytes) {
        const mib = Math.floor(caps.documentBytes / 2 ** 20);
        sink.fault(
          'row_too_large',
          0,
          size,
          `The selection needs the whole payload, which is larger than ${mib} MiB. A path of names, indices and [*] alone is streamed.`,
        );
        return;
      }
      const document = Buffer.concat(parts, size);
      parts = [];
      selectRows(document, selection, sink, caps);
    },
    openFrom: () => 0,
  };
}

/** A query may give one value many times over. */
const mostNodes = 1 << 22;

/** Undefined when there are too many, or its patterns take too long. */
function nodesOf(selection: Selection, value: unknown): JSONPathNode[] | undefined {
  selection.begin();
  const nodes: JSONPathNode[] = [];
  try {
    for (const node of selection.query.lazyQuery(value as JSONValue)) {
      if (nodes.length === mostNodes) return undefined;
      nodes.push(node);
    }
  } catch (error) {
    if (error === patternsTooCostly) return undefined;
    throw error;
  }
  return nodes;
}

function selectRows(document: Buffer, selection: Selection, sink: RowSink, caps: RowCaps): void {
  const whole = (reason: Parameters<RowSink['fault']>[0], message: string) =>
    sink.fault(reason, 0, document.length, message);
  if (nesting(document, 0, document.length).deepest > caps.depth) return whole('too_deep', tooDeepMessage(caps.depth));
  const text = decode(document, 0, document.length);
  if (text === undefined) return whole('invalid_utf8', 'The payload holds bytes that are not UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const cut = nesting(document, 0, document.length).open;
    return whole(
      cut ? 'truncated' : 'parse_error',
      cut ? 'The payload ends before its JSON does.' : 'The payload is not valid JSON.',
    );
  }
  const nodes = nodesOf(selection, value);
  if (nodes === undefined)
    return whole('row_too_large', 'The selection takes too long on this payload, or finds too many rows.');
  if (nodes.length === 0) return whole('no_rows', 'The selection of the profile found no rows in the payload.');
  const ascii = text.length === document.length ? text : undefined;
  const wanted = newWanted();
  const ranges = new Float64Array(nodes.length * 2);
  nodes.forEach((node, i) => {
    want(wanted, node.location, (start, end) => {
      ranges[2 * i] = start;
      ranges[2 * i + 1] = end;
    });
  });
  locate(document, wanted);
  for (let i = 0; i < nodes.length; i++) {
    const [start, end] = [ranges[2 * i]!, ranges[2 * i + 1]!];
    if (end - start > caps.rowBytes)
      sink.fault('row_too_large', start, end, `The row has ${end - start} bytes; at most ${caps.rowBytes} are read.`);
    else sink.row(document, start, end, start, ascii);
  }
}
