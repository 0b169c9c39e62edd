import fc from 'fast-check';
import { expect, it } from 'vitest';
import { whereJsonBreaks } from './json-place.ts';

it.each([
  ['', 0],
  ['{"a": x}', 6],
  ['[1,]', 3],
  ['{"a":1,}', 7],
  ['{"a" 1}', 5],
  ['{a:1}', 1],
  ['[1 2]', 3],
  ['[1}', 2],
  ['{}{}', 2],
  ['[01]', 2],
  ['["a', 1],
  ['{"a":[', 6],
  ['\ufeff{}', 0],
])('%j breaks at %d', (text, at) => {
  expect(() => JSON.parse(text) as unknown).toThrow();
  expect(whereJsonBreaks(text)).toBe(at);
});

it('finds no break in what is JSON, and a break at or after the start of what was changed', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.constantFrom('x', ']', '}', ',', ':', '"', '\u0001'), (text, seed, char) => {
      expect(whereJsonBreaks(text)).toBe(text.length);
      const at = seed % (text.length + 1);
      const changed = text.slice(0, at) + char + text.slice(at);
      let valid = true;
      try {
        JSON.parse(changed);
      } catch {
        valid = false;
      }
      const found = whereJsonBreaks(changed);
      if (valid) expect(found).toBe(changed.length);
      // Everything before the break could still have become JSON; a broken string is named by its start.
      else expect(found).toBeLessThanOrEqual(changed.length);
    }),
  );
});
