import { CellError, Columns, defaultCaps, isTable, NumberText, type RowPlace } from '#formats';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Profile } from '#contracts';
import { type BlobStore, decodePayload, layerOf, type Relational } from '#storage';
import type { CompiledProfile } from './compile.ts';
import { createWholeReader, sharesRanges } from './whole-reader.ts';

/** A row whose bytes say nothing to a reader. */
export interface DecodedRow {
  /** What its byte range is the range of. */
  within: 'row_group' | 'sheet';
  /** The row (first 64 Ki characters); undefined when there is no such row, or finding it takes too long. */
  json: string | undefined;
}

/** A row of a payload, and the profile version that read it. */
export interface RowRef extends RowPlace {
  sha256: string;
  profile: { id: string; digest: string };
}

const shownCharacters = 65_536;
const turnMs = 20;
const longestMs = 30_000;

/** The row of a payload whose rows share their ranges; undefined for other formats, whose bytes are text. Errors: those of the blob store. */
export async function decodedRow(
  { relational, blobs }: { relational: Relational; blobs: BlobStore },
  tenantId: string,
  { sha256, profile: { id, digest }, ...place }: RowRef,
): Promise<DecodedRow | undefined> {
  const [document] = await relational.query<{ spec: Profile }>(
    `select spec from document where tenant_id = $1 and kind = 'profile' and document_id = $2 and digest = $3 limit 1`,
    [tenantId, id, digest],
  );
  const profile = document?.spec;
  if (profile === undefined || !sharesRanges(profile)) return undefined;
  const row = await findRow(profile, () => blobs.read('raw', sha256), place);
  const json = row === undefined ? undefined : JSON.stringify(row, withDigits, 2).slice(0, shownCharacters);
  return { within: profile.format === 'xlsx' ? 'sheet' : 'row_group', json };
}

/** Reads the payload as the normalizer does, up to the row. */
async function findRow(profile: Profile, open: () => AsyncIterable<Uint8Array>, wanted: RowPlace): Promise<unknown> {
  const columns = isTable(profile) ? new Columns() : undefined;
  const found: { row: unknown; passed: boolean } = { row: undefined, passed: false };
  const reading: CompiledProfile = {
    profile,
    columns,
    map(row, _text, place) {
      if (place.row === wanted.row) found.row = columns === undefined ? row : named(columns, row as unknown[]);
      found.passed ||= place.row >= wanted.row;
      return 0;
    },
  };
  const reader = createWholeReader(reading, defaultCaps, { candidates() {}, fault() {} }, wanted);
  const deadline = performance.now() + longestMs;
  let turn = performance.now();
  try {
    for await (const piece of decodePayload(open, layerOf(profile))) reader.push(piece);
    for await (const _ of reader.end()) {
      if (found.passed || performance.now() > deadline) break;
      if (performance.now() - turn < turnMs) continue;
      await nextTurn();
      turn = performance.now();
    }
  } finally {
    reader.close();
  }
  return found.row;
}

function named({ names }: Columns, cells: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name, i) => [name, cells[i]]));
}

function withDigits(_key: string, value: unknown): unknown {
  if (value instanceof NumberText) return jsonNumber.test(value.source) ? rawJson(value.source) : value.source;
  return value instanceof CellError ? value.code : value;
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The language has this, its types here have not yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => unknown };
