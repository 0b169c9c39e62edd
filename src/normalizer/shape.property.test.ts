import fc from 'fast-check';
import { expect, it } from 'vitest';
import { learnShape } from './known-shape.ts';
import { shapeChanges } from './shape-changes.ts';
import { createShapeObserver, type Watch } from './shape-observer.ts';
import { mergeShapes, type ObservedShape, type Shape } from './shape.ts';
import { event, profileOf, run } from './testing.ts';

const profile = profileOf('ndjson', [event()]);
const place = { row: 0, start: 0, end: 1 };
const nothing: Watch = { known: undefined, guard: undefined };

// Few names, so that they meet each other.
const names = fc.constantFrom('a', 'b', 'c', 'id', '__proto__', '0', 'toString', 'é'.repeat(200));
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 1, 1.5, -0, 'x', '2026-01-01'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 5 }).map((one) => JSON.parse(JSON.stringify(one)) as unknown),
  ),
}));
const rows = fc.array(value, { maxLength: 12 });

function observe(values: readonly unknown[], watch = nothing): ObservedShape {
  const observer = createShapeObserver(profile, undefined, watch);
  for (const one of values) observer.row(one, place);
  return observer.observed();
}

/** The same whatever the order of fields; without counts when only what can be there matters. */
function plain(shape: Shape | undefined, counts = true): unknown {
  if (shape === undefined) return undefined;
  const { types, count, objects, fields, items, members } = shape;
  return {
    types,
    ...(counts ? { count, objects } : {}),
    fields: fields
      ?.map(([name, field]) => [name, plain(field, counts)])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    items: plain(items, counts),
    members: plain(members, counts),
  };
}

it('merges in any order and grouping, and a shape with itself is as it was', () => {
  fc.assert(
    fc.property(rows, rows, rows, (x, y, z) => {
      const [a, b, c] = [x, y, z].map((values) => observe(values).shape) as [Shape, Shape, Shape];
      expect(plain(mergeShapes(a, b))).toEqual(plain(mergeShapes(b, a)));
      expect(plain(mergeShapes(mergeShapes(a, b), c))).toEqual(plain(mergeShapes(a, mergeShapes(b, c))));
      expect(plain(mergeShapes(a, a), false)).toEqual(plain(a, false));
      expect(plain(mergeShapes(a, b))).toEqual(plain(observe([...x, ...y]).shape));
    }),
  );
});

it('finds nothing new in what it has learned, and tells everything else', () => {
  fc.assert(
    fc.property(rows, rows, (x, y) => {
      fc.pre(x.length > 0 && y.length > 0);
      const options = { modes: {}, page: 1, textual: false, all: false };
      const seen = observe(x);
      const known = learnShape(undefined, seen, options);
      expect(observe(x, { known: known.shape, guard: undefined }).novelties).toEqual([]);
      expect(shapeChanges({ known, seen, profile, page: 1 })).toEqual([]);

      const other = observe(y, { known: known.shape, guard: undefined });
      expect(plain(other.shape)).toEqual(plain(observe(y).shape));
      const changes = shapeChanges({ known, seen: other, profile, page: 1, older: true });
      const more = learnShape(known, other, options);
      expect(changes.length > 0).toBe(other.novelties.length > 0);
      expect(shapeChanges({ known: more, seen: other, profile, page: 1, older: true })).toEqual([]);
    }),
  );
});

it('quarantines just the rows that a guard does not know', () => {
  const guarded = profileOf('ndjson', [event()], {
    drift: { fields: 'quarantine', types: 'quarantine', records: 'quarantine' },
  });
  fc.assert(
    fc.property(rows, rows, (x, y) => {
      fc.pre(x.length > 0);
      const guard = observe(x).shape;
      const observer = createShapeObserver(guarded, undefined, { known: guard, guard });
      for (const one of x) expect(observer.row(one, place)).toBeUndefined();
      for (const one of y) {
        const novel = shapeChanges({
          known: { rows: 1, payloads: 1, firstPages: 0, least: 0, shape: guard },
          seen: observe([one]),
          profile,
          page: 1,
          older: true,
        });
        expect(observer.row(one, place) !== undefined).toBe(novel.length > 0);
      }
    }),
  );
});

const lines = fc.array(fc.record({ id: fc.nat(50), t: fc.nat(1e6), v: fc.oneof(fc.double({ noNaN: true }), fc.string(), fc.constant(null)) }, { requiredKeys: ['id'] }), { minLength: 1, maxLength: 60 }); // prettier-ignore

it('is the same in any division of the payload, and of its candidates into batches', async () => {
  await fc.assert(
    fc.asyncProperty(
      lines,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      async (values, csv, chunks, candidates) => {
        const text = csv
          ? `id,t,v\n${values.map(({ id, t, v }) => `${id},${t ?? ''},${typeof v === 'number' ? v : ''}\n`).join('')}`
          : values.map((one) => `${JSON.stringify(one)}\n`).join('');
        const one = profileOf(csv ? 'csv' : 'ndjson', [event()]);
        const whole = await run(one, text, { watch: nothing });
        const parts = await run(one, text, { watch: nothing, chunks, limits: { candidates, weight: 1e6 } });
        expect(parts.batches.at(-1)!.shape).toEqual(whole.batches.at(-1)!.shape);
        expect(whole.batches.at(-1)!.shape!.rows).toBe(values.length);
      },
    ),
    { numRuns: 60 },
  );
});
