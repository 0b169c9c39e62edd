import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeValue, encodeValue } from './rpc-codec.ts';

const leaf = fc.oneof(
  fc.string(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const key = fc.oneof(fc.string(), fc.constantFrom('$bytes', '$object', '$', '__proto__', 'constructor'));
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('any'), { maxLength: 4 }), tie('object'), tie('map')),
  object: fc.dictionary(key, tie('any'), { maxKeys: 4, noNullPrototype: true }),
  map: fc.array(fc.tuple(fc.string(), tie('any')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
})).any;

it('brings every value over as it is, on one line', () => {
  fc.assert(
    fc.property(value, (given) => {
      const text = encodeValue(given);
      expect(text).not.toContain('\n');
      expect(decodeValue(text)).toEqual(given);
    }),
  );
});

it('brings handles over by name, and refuses what cannot cross', () => {
  const fork = { close: () => {} };
  const handles = [
    { tag: 'fork', nameOf: (v: object) => (v === fork ? 'f1' : undefined), open: () => fork, release: async () => {} },
  ];
  const text = encodeValue({ store: fork }, { handles });
  expect(decodeValue(text, { handles })).toEqual({ store: fork });
  expect(() => decodeValue(text)).toThrow(TypeError);
  expect(() => encodeValue({ store: fork })).toThrow(TypeError);
  expect(() => encodeValue(new Date())).toThrow(TypeError);
  let deep: unknown = 1;
  for (let i = 0; i < 1000; i++) deep = [deep];
  expect(() => encodeValue(deep)).toThrow(TypeError);
  expect(() => decodeValue('{"$callback":0}')).toThrow(TypeError);
});
