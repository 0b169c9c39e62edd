import { describe, expect, it } from 'vitest';
import { createShapeObserver } from './shape-observer.ts';
import { maxFields, type Shape, shapeAt, typeNames } from './shape.ts';
import { event, profileOf } from './testing.ts';

const place = { row: 0, start: 0, end: 1 };
const json = profileOf('ndjson', [event()]);

function observe(values: readonly unknown[], profile = json, columns?: { names: string[] }) {
  const observer = createShapeObserver(profile, columns, { known: undefined, guard: undefined });
  for (const value of values) observer.row(value, place);
  return observer.observed();
}

function size(shape: Shape): number {
  const below = [...(shape.fields ?? []).map(([, one]) => one), shape.items, shape.members];
  return 1 + below.reduce((sum, one) => sum + (one === undefined ? 0 : size(one)), 0);
}

describe('what hostile rows leave is bounded', () => {
  const many = (count: number, value: (n: number) => unknown): object =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, value(n)]));

  it.each([
    [
      'a million columns',
      () =>
        observe([Array.from({ length: 1e6 }, () => '1')], profileOf('csv', [event()]), {
          names: Array.from({ length: 1e6 }, (_, n) => `c${n}`),
        }),
    ],
    ['many names', () => observe([many(100_000, (n) => n)])],
    ['many names in many names', () => observe([many(400, () => many(400, (n) => n))])],
    [
      'other names in every row',
      () => observe(Array.from({ length: 3000 }, (_, n) => ({ [`x${n}`]: n, [`y${n}`]: [{ [`z${n}`]: n }] }))),
    ],
    ['deep nesting', () => observe([JSON.parse('{"a":['.repeat(60) + '1' + ']}'.repeat(60))])],
    [
      'long names and lists',
      () => observe([{ ['n'.repeat(1e6)]: Array.from({ length: 1e5 }, (_, n) => ({ [`k${n}`]: n })) }]),
    ],
  ])('%s', (_, observed) => {
    const { shape } = observed();
    expect(size(shape)).toBeLessThan(9000);
    expect(JSON.stringify(shape).length).toBeLessThan(1e6);
  });

  it('and names of JavaScript are names', () => {
    const { shape } = observe([
      JSON.parse('{"__proto__":{"x":1},"constructor":"c","toString":null,"hasOwnProperty":2}'),
    ]);
    expect(shape.fields?.map(([name, { types }]) => [name, typeNames(types)])).toEqual([
      ['__proto__', ['object']],
      ['constructor', ['text']],
      ['toString', ['null']],
      ['hasOwnProperty', ['integer']],
    ]);
    expect(shapeAt(shape, ['__proto__', 'x'])?.shape.types).toBe(4);
  });
});

it('sees a new field in any row, and counts in the rows that it samples', () => {
  const rows = Array.from({ length: 5000 }, (_, n) => ({ id: n, in: { a: 1, ...(n === 4999 ? { late: 1 } : {}) } }));
  const { shape, rows: counted } = observe(rows);
  expect(counted).toBe(5000);
  expect(shapeAt(shape, ['in', 'late'])?.shape).toEqual({ types: 4, count: 1, objects: 0 });
  const id = shapeAt(shape, ['id'])!;
  expect(id.shape.count).toBe(id.around.objects);
  expect(id.shape.count).toBe(1024 + Math.floor(5000 / 16) - 1024 / 16);
});

it('takes an object of too many names for a map, also what it had taken for fields', () => {
  const names = (from: number, to: number): object =>
    Object.fromEntries(Array.from({ length: to - from }, (_, n) => [`k${from + n}`, { v: n }]));
  const { shape } = observe([{ map: names(0, maxFields) }, { map: names(maxFields, maxFields + 10) }, { map: { k0: { w: 'x' } } }]); // prettier-ignore
  const map = shapeAt(shape, ['map'])!.shape;
  expect(map.fields).toBeUndefined();
  expect(map.members).toMatchObject({ types: 64, count: maxFields + 11 });
  expect(map.members!.fields!.map(([name]) => name).sort()).toEqual(['v', 'w']);
});
