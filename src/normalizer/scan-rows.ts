import { NumberText } from '#formats';
import type { Detector } from '#contracts';
import { isObject, pointerTo, type RowValue } from './path.ts';
import { createDetect, type Detect } from './policy/detect.ts';
import { hintsOfName } from './policy/detector-names.ts';
import { redacted } from './policy/hide.ts';
import { findings } from './policy/windows.ts';
import type { Found, Place } from './scan-tally.ts';

/** Makes detectors by the name of a field. */
export function detectorsByName(detectors: readonly Detector[] | undefined): {
  plain: Detect;
  of: (name: string) => { detect: Detect; hinted: boolean };
} {
  const only = detectors === undefined ? {} : { detectors };
  const plain = createDetect(only);
  const byHints = new Map<string, { detect: Detect; hinted: boolean }>([['', { detect: plain, hinted: false }]]);
  const known = new Map<string, { detect: Detect; hinted: boolean }>();
  return {
    plain,
    of(name) {
      const before = known.get(name);
      if (before !== undefined) return before;
      const hints = hintsOfName(name);
      const key = hints.join();
      const made = byHints.get(key) ?? { detect: createDetect({ ...only, hints }), hinted: true };
      byHints.set(key, made);
      // Names come from payloads.
      if (known.size < 10_000) known.set(name, made);
      return made;
    },
  };
}

const depthLimit = 128;

/** Looks at every text of a row, at numbers whose name hints at what they are, and at the names of members. `columns`: of a table. */
export function scanRow(
  row: RowValue,
  columns: readonly string[] | undefined,
  place: Place,
  detectors: ReturnType<typeof detectorsByName>,
  take: (found: Found) => void,
): void {
  const { plain } = detectors;

  function look(text: string, detect: Detect, pointer: string): void {
    for (const { detector, start, end } of findings(text, detect))
      take({ where: 'row', pointer, detector, text: text.slice(start, end), place });
  }

  function walk(value: unknown, name: string, pointer: string, depth: number): void {
    if (typeof value === 'string') return look(value, detectors.of(name).detect, pointer);
    if (typeof value === 'number' || value instanceof NumberText) {
      const { detect, hinted } = detectors.of(name);
      if (hinted) look(typeof value === 'number' ? String(value) : value.source, detect, pointer);
      return;
    }
    if (depth >= depthLimit) return;
    if (Array.isArray(value)) for (const item of value) walk(item, name, `${pointer}/*`, depth + 1);
    else if (isObject(value)) {
      for (const member of Object.keys(value)) {
        const held = plain(member);
        // A name that is a value must not be shown either.
        const shown = held.length === 0 ? member : redacted(member, held, plain);
        const at = pointer + pointerTo([shown]);
        if (held.length > 0) look(member, plain, at);
        walk(value[member], member, at, depth + 1);
      }
    }
  }

  if (columns === undefined) walk(row, '', '', 0);
  else
    (row as readonly string[]).forEach((text, i) => {
      const name = columns[i] ?? '';
      const held = plain(name);
      walk(text, name, pointerTo([held.length === 0 ? name : redacted(name, held, plain)]), 1);
    });
}
