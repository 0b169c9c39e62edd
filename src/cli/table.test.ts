import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Io } from './io.ts';
import { csv, fields, table } from './table.ts';
import { bytes, fit, instant, printable, textWidth } from './text.ts';

const io = (columns?: number, color = false): Io => ({
  out() {},
  err() {},
  readInput: async () => '',
  columns,
  color,
  liveErr: false,
});

const columns = [{ title: 'id', whole: true }, { title: 'name' }, { title: 'n', align: 'right' as const }];

describe('a table', () => {
  it('aligns its columns', () => {
    const rows = [
      ['a', 'first', '1'],
      ['bbb', '', '1,000'],
    ];
    expect(table(io(), columns, rows)).toBe('id   name       n\na    first      1\nbbb         1,000\n');
  });

  it('counts columns of the terminal, not characters', () => {
    const text = table(
      io(),
      [{ title: 'city' }, { title: 'n' }],
      [
        ['東京', '1'],
        ['e\u0301', '2'],
        ['😀', '3'],
      ],
    );
    expect(text).toBe('city  n\n東京  1\ne\u0301     2\n😀    3\n');
  });

  it('fits the terminal by cutting what may be cut', () => {
    const id = 'f'.repeat(32);
    const text = table(io(60), columns, [[id, 'x'.repeat(80), '7']]);
    for (const line of text.trimEnd().split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(60);
    expect(text).toContain(id);
    expect(text).toContain('…');
    expect(table(io(), columns, [[id, 'x'.repeat(80), '7']])).toContain('x'.repeat(80));
  });

  it('is coloured only when colours are asked for', () => {
    expect(table(io(80, true), columns, [])).toContain('\x1b[');
    expect(table(io(80), columns, [])).not.toContain('\x1b[');
  });

  it('never lets a cell reach the terminal as a command', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 3, maxLength: 3 })), (rows) => {
        const text = table(io(80), columns, rows);
        expect(text.split('\n').length).toBe(rows.length + 2);
        // oxlint-disable-next-line no-control-regex
        expect(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text)).toBe(false);
      }),
    );
  });
});

describe('CSV', () => {
  /** RFC 4180, character by character. */
  function parseCsv(text: string): string[][] {
    const rows: string[][] = [];
    let row: string[] = [];
    let cell = '';
    let quoted = false;
    for (let i = 0; i < text.length; i++) {
      const char = text[i]!;
      if (quoted && char === '"' && text[i + 1] === '"') cell += text[i++]!;
      else if (char === '"') quoted = !quoted;
      else if (quoted) cell += char;
      else if (char === ',' || char === '\r') {
        row.push(cell);
        cell = '';
      } else if (char === '\n') {
        rows.push(row);
        row = [];
      } else cell += char;
    }
    return rows;
  }

  it('gives back any cells', () => {
    const cell = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é') }),
      fc.integer(),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell)), (rows) => {
        const want = rows.map((row) => row.map((value) => (value === null ? '' : String(value))));
        expect(parseCsv(csv(['x', 'y,z'], rows))).toEqual([['x', 'y,z'], ...want]);
      }),
    );
  });
});

describe('text', () => {
  it('leaves out fields without a value', () => {
    expect(
      fields(io(), [
        ['a', '1'],
        ['long', undefined],
        ['bb', '2'],
      ]),
    ).toBe('a   1\nbb  2\n');
  });

  it('makes control characters visible', () => {
    expect(printable('a\x1b[31mb\r\n\t\u202e')).toBe('a\\x1b[31mb\\x0d\\x0a\\x09\\u202e');
    expect(printable('a\n\tb\r', { lines: true })).toBe('a\n\tb\\x0d');
  });

  it('is cut to any width', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, width) => {
        expect(textWidth(fit(text, width))).toBeLessThanOrEqual(Math.max(width, 0));
      }),
    );
  });

  it('writes sizes and times for people', () => {
    expect([bytes(0), bytes(999), bytes(1000), bytes(1_234_567), bytes(5e15)]).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '5000.0 TB',
    ]);
    expect(instant('2026-01-02T03:04:05.678Z')).toBe('2026-01-02 03:04:05');
    expect(instant(undefined)).toBe('');
  });
});
