import { type Leaves, rowAssembler } from './assemble.ts';
import { converter, type ValueForms } from './convert.ts';
import { Damage, guarded } from './damage.ts';
import type { ParquetFile, RowGroup, Source } from './footer.ts';
import { LeafReader } from './leaf-reader.ts';
import { type Claim, Pages } from './pages.ts';

export interface RowBounds {
  /** Size of one row: characters of text, and eight for any other value. */
  row: number;
  /** Bytes of pages held at once. */
  pages: number;
}

/** A row of a group, or why there is none at its place. */
export type ReadRow =
  | { row: number; value: Record<string, unknown> }
  | { row: number; bad: 'invalid_utf8' | 'row_too_large' };

/** The rows of a group, one after another; holds one page of each column. Throws Damage where it cannot go on. */
export type GroupReader = (group: RowGroup) => Generator<ReadRow, void, undefined>;

export function groupReader(file: ParquetFile, source: Source, forms: ValueForms, bounds: RowBounds): GroupReader {
  const assemble = rowAssembler(file.roots);
  const converts = file.leaves.map((leaf) => converter(leaf, forms));
  return function* (group) {
    if (group.damage !== undefined) throw group.damage;
    if (group.rows === 0) return;
    const claims = pageClaims(bounds.pages);
    const from: Leaves = { readers: [], size: 0, notText: false, most: bounds.row };
    guarded(() => {
      from.readers = file.leaves.map((leaf, i) => {
        const chunk = group.chunks[i]!;
        const pages = new Pages(source, chunk, claims());
        return new LeafReader(leaf, pages, converts[i]!, from, chunk.values);
      });
    });
    const next = (): Record<string, unknown> => {
      from.size = 0;
      from.notText = false;
      return assemble(from);
    };
    for (let i = 0; i < group.rows; i++) {
      const value = guarded(next);
      const row = group.firstRow + i;
      if (from.size > bounds.row) yield { row, bad: 'row_too_large' };
      else if (from.notText) yield { row, bad: 'invalid_utf8' };
      else yield { row, value };
    }
    if (from.readers.some(({ def }) => def >= 0)) throw new Damage('It has more values than rows.');
  };
}

/** Bounds what the columns hold together: each has one page, and may have a dictionary, whose entries are values already. */
function pageClaims(most: number): () => Claim {
  let held = 0;
  return () => {
    let last = 0;
    return ({ kind, bytes, count }) => {
      if (kind === 'dictionary') held += bytes + entryBytes * count;
      else {
        held += bytes - last;
        last = bytes;
      }
      if (held <= most) return;
      const mib = Math.floor(most / 2 ** 20);
      throw new Damage(`Its pages take more than ${mib} MiB at once: write smaller pages.`, 'row_too_large');
    };
  };
}

const entryBytes = 16;
