import { describe, expect, it } from 'vitest';
import { parserOf } from './postgres-types.ts';

describe('values from a server', () => {
  it('become what the embedded engine gives', () => {
    expect(parserOf(20)('9007199254740993')).toBe('9007199254740993');
    expect(parserOf(16)('t')).toBe(true);
    expect(parserOf(701)('-1.5e-7')).toBe(-1.5e-7);
    expect(parserOf(3802)('{"a": [1, null]}')).toEqual({ a: [1, null] });
    expect(parserOf(1184)('2026-01-02 03:04:05.6789+00')).toBe('2026-01-02T03:04:05.678Z');
    expect(parserOf(2950)('0197-uuid')).toBe('0197-uuid');
  });

  it('in arrays as well, nested and with nothing in them', () => {
    expect(parserOf(1016)('{1,NULL,3}')).toEqual(['1', null, '3']);
    expect(parserOf(1007)('{{1,2},{3,4}}')).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(parserOf(1009)('{"a\\"b","c,d","",NULL,"NULL"}')).toEqual(['a"b', 'c,d', '', null, 'NULL']);
    expect(parserOf(1185)('{"2026-01-02 03:04:05+00"}')).toEqual(['2026-01-02T03:04:05.000Z']);
    expect(parserOf(3807)('{"{\\"a\\": 1}"}')).toEqual([{ a: 1 }]);
    expect(parserOf(1000)('{}')).toEqual([]);
  });
});
