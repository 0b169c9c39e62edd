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

it('finds no break in what is JSON, and blames nothing that stands before the break', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.constantFrom('x', ']', '}', ',', ':', '"', '\u0001'), (text, seed, char) => {
      expect(whereJsonBreaks(text)).toBe(text.length);
      const at = seed % (text.length + 1);
      const changed = text.slice(0, at) + char + text.slice(at);
      const found = whereJsonBreaks(changed);
      expect(isJson(changed) ? found === changed.length : found <= changed.length).toBe(true);
      // What stands before the break is not to blame: alone, it only ends too early.
      expect(whereJsonBreaks(changed.slice(0, found))).toBe(found);
    }),
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
