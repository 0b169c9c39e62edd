import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { type ChartlyError, compilePattern, PatternError, patternsTooCostly } from '#kit';
import type { Replacement, Rule } from '#contracts';
import { Attempt } from './attempt.ts';
import { compileProfile } from './compile.ts';
import { replacer } from './replace.ts';
import { profileOf, run } from './testing.ts';

type Options = Omit<Rule, 'path' | 'const'>;
const rule = (options: Options) =>
  profileOf('ndjson', [
    { kind: 'entity', name: 'x', key: [{ const: 'k' }], dimensions: { a: { path: 'a', ...options } } },
  ]);

/** The text or reason that a rule makes of a value. */
async function text(options: Options, a: unknown): Promise<string | undefined> {
  const row = typeof a === 'string' && a.startsWith('{') ? a : JSON.stringify({ a });
  const { records, rejections } = await run(rule(options), row);
  return rejections[0]?.reason ?? records[0]!.dimensions.a;
}

function problems(options: Options): (string | undefined)[] {
  try {
    compileProfile(rule(options), () => '');
    return [];
  } catch (error) {
    return (error as ChartlyError).details.map(
      (d) => `${d.pointer?.replace('/records/0/dimensions/a/', '')} ${d.message}`,
    );
  }
}

describe('extract', () => {
  it('takes the first group of the first match, or the match', async () => {
    expect(await text({ extract: String.raw`(\d+) km` }, 'from 5 km to 70 km')).toBe('5');
    expect(await text({ extract: String.raw`\d+` }, 'from 5 km')).toBe('5');
    expect(await text({ extract: '(?:([a-z]+)|([0-9]+))!' }, 'x 12!')).toBe('12');
    expect(await text({ extract: '(?i)flight ([a-z]{2})' }, 'FLIGHT LH 1')).toBe('LH');
  });

  it('is missing without a match, and goes before the rest of cleansing', async () => {
    expect(await text({ extract: 'z' }, 'abc')).toBeUndefined();
    expect(await text({ extract: 'z', required: true }, 'abc')).toBe('missing_field');
    expect(await text({ extract: 'z', default: 'none' }, 'abc')).toBe('none');
    const options = { extract: 'a(.*)', replace: [{ text: 'b', with: ' c ' }], case: 'upper', map: { C: 'found' } };
    expect(await text(options as Options, 'xab')).toBe('found');
  });

  it('reads numbers by their digits, also those that a double cannot hold', async () => {
    expect(await text({ extract: '^(....)' }, 20_240_131)).toBe('2024');
    expect(await text({ extract: '...$' }, '{"a":9007199254740993}')).toBe('993');
    expect(await text({ extract: 'x' }, [1])).toBe('cast_failed');
  });
});

describe('matches', () => {
  it('quarantines what does not fit, after cleansing and before the map', async () => {
    const options: Options = { matches: '^[A-Z]{3}$', case: 'upper', map: { ABC: 'mapped' } };
    expect(await text(options, ' abc ')).toBe('mapped');
    expect(await text(options, 'abcd')).toBe('pattern_mismatch');
    expect(await text(options, null)).toBeUndefined();
  });

  it('shows nothing of the text but its mask', async () => {
    const { rejections } = await run(rule({ matches: '^x$' }), '{"a":"secret value"}');
    expect(rejections[0]).toMatchObject({ pointer: '/a', masked: 'text s…e (12 characters)' });
    expect(rejections[0]!.message).not.toContain('secret');
  });
});

describe('replace with patterns', () => {
  it('puts in groups, the match, and dollar signs', async () => {
    const date = [{ pattern: String.raw`(\d+)/(\d+)/(\d+)`, with: '$3-$1-$2' }];
    expect(await text({ replace: date }, 'on 01/31/2024')).toBe('on 2024-01-31');
    expect(await text({ replace: [{ pattern: '[0-9]+', with: '<$0>$$1' }] }, 'a1b22')).toBe('a<1>$1b<22>$1');
  });

  it('goes once from left to right, the first of the list that fits, and never looks at what it has put in', async () => {
    const list = [
      { pattern: 'a+', with: 'b' },
      { text: 'b', with: 'a' },
      { pattern: '(a)|(c)', with: '[$2]' },
    ];
    expect(await text({ replace: list }, 'aabcb')).toBe('ba[c]a');
    // A literal is no template.
    const literal: Replacement[] = [
      { text: 'a', with: '$0' },
      { pattern: 'b', with: '' },
    ];
    expect(await text({ replace: literal }, 'ab')).toBe('$0');
  });

  it('agrees with the engine of the language where both speak the same', () => {
    const piece = fc.constantFrom('a', 'b', '[ab]', '(a|b)', 'a+', '(?:ab)?c', '.', '^a', 'b$', 'x{2,3}');
    const pattern = fc
      .array(piece, { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join(''))
      .filter((source) => !new RegExp(`^(?:${source})$`, 'u').test(''));
    fc.assert(
      fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'x', '\u{1f600}') }), (source, whole) => {
        const replace = replacer([{ pattern: source, with: '<$0>' }], () => {});
        expect(replace!(whole, new Attempt())).toBe(whole.replace(new RegExp(source, 'gu'), '<$&>'));
        const found = new RegExp(source, 'u').exec(whole);
        const groups = found?.slice(1).filter((group) => group !== undefined);
        expect(compilePattern(source).extract(whole, new Attempt())).toBe(
          groups === undefined || groups.length === 0 ? (source.includes('(a|b)') ? undefined : found?.[0]) : groups[0],
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('what is refused when the profile is compiled', () => {
  it.each<[Options, RegExp]>([
    [{ extract: '(' }, /^extract .*missing closing \)/],
    [{ extract: 'a(?=b)' }, /^extract .*neither ahead nor behind/],
    [{ matches: String.raw`(a)\1` }, /^matches .*no back-references/],
    [{ matches: 'a{1001}' }, /^matches .*invalid repeat count at `\{1001\}`/],
    [{ matches: '(?:abcdefghij){200}' }, /^matches the pattern is too large: it compiles to \d+ instructions/],
    [
      { matches: '(?:(?:[a-z]{90}[0-9]?){90}x)+' },
      /^matches the pattern is too large: it compiles to \d+ instructions/,
    ],
    [{ replace: [{ pattern: '[', with: '' }] }, /^replace\/0\/pattern .*missing closing \]/],
    [{ replace: [{ pattern: 'a*', with: '' }] }, /^replace\/0\/pattern .*write \+ instead of \*/],
    [{ replace: [{ pattern: '(a)', with: '$2' }] }, /^replace\/0\/with .*one group.*\$2/],
  ])('%j', (options, expected) => {
    const found = problems(options);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(expected);
  });
});

describe('what is hostile', () => {
  it('is told to be too large before it is compiled, and what is not is compiled', () => {
    const atom = fc.constantFrom('a', '[a-z]', '.', String.raw`\d`, String.raw`\p{L}`, '(?:ab)', '[]x]');
    const times = fc.constantFrom('', '', '?', '*', '{3}', '{2,30}', '{0,99}', '{90}');
    const piece = fc.tuple(atom, times).map((parts) => parts.join(''));
    const inner = fc.array(piece, { minLength: 1, maxLength: 4 }).map((parts) => `(?:${parts.join('')})`);
    const pattern = fc.array(
      fc.tuple(fc.oneof(piece, inner), times).map(([a, b]) => (/[*?}]$/.test(a) ? a : a + b)),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(pattern, (parts) => {
        const source = parts.join('');
        let cost: number | string;
        try {
          cost = compilePattern(source).cost;
        } catch (error) {
          cost = (error as Error).message;
        }
        let real = Infinity;
        try {
          real = RE2JS.compile(source).programSize();
        } catch {
          // More than 1000 repetitions inside each other are none to the engine.
          expect(typeof cost).toBe('string');
          return;
        }
        if (real <= 1000) expect(cost).toBe(real);
        else expect(cost).toMatch(/^the pattern is too large/);
      }),
    );
  });

  it('ends on patterns and texts that stall engines which backtrack', async () => {
    const patterns = [
      String.raw`^(a+)+$`,
      String.raw`(a|a)*b`,
      String.raw`(a*)*c`,
      String.raw`^(([a-z])+.)+[A-Z]([a-z])+$`,
      String.raw`(.*a){12}x`,
      String.raw`(x+x+)+y`,
      String.raw`^(\w+\s?)*$`,
    ];
    const texts = [`${'a'.repeat(50_000)}!`, 'x'.repeat(50_000), `${'word '.repeat(10_000)}!`];
    const code = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(workerData.url).then(({ compilePattern }) => {
        let found = 0;
        for (const pattern of workerData.patterns) for (const text of workerData.texts) {
          const attempt = { patternCost: 0 };
          found += compilePattern(pattern).extract(text, attempt) === undefined ? 0 : 1;
        }
        parentPort.postMessage(found);
      });`;
    const url = import.meta.resolve('#kit');
    const worker = new Worker(code, { eval: true, workerData: { url, patterns, texts } });
    try {
      const ended = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        setTimeout(() => resolve('did not end'), 60_000).unref();
      });
      expect(ended).toEqual(expect.any(Number));
    } finally {
      await worker.terminate();
    }
  }, 90_000);

  it('gives a row a budget: all its patterns together, and each search of a replacement', async () => {
    const long = 'ab '.repeat(100_000);
    expect(await text({ extract: 'ab$' }, long)).toBeUndefined();
    // Every match is followed by a look at all that is left.
    expect(await text({ replace: [{ pattern: 'a(?:.*z)?', with: 'y' }] }, long)).toBe('row_too_large');
    expect(await text({ replace: [{ pattern: '(.{50})', with: '$0'.repeat(32) }] }, 'x'.repeat(100_000))).toBe(
      'row_too_large',
    );
    const attempt = new Attempt();
    const search = (): void => {
      for (let i = 0; i < 1000; i++) compilePattern('[a-z]{50}').test(long, attempt);
    };
    expect(search).toThrow();
    expect(attempt.patternCost).toBeGreaterThan(1 << 25);
    attempt.beginRow(undefined, false);
    expect(compilePattern('b').test(long, attempt)).toBe(true);
  });

  it('never throws anything else, whatever the pattern and the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary' }), (source, whole) => {
        try {
          compilePattern(source).extract(whole, new Attempt());
        } catch (error) {
          if (error !== patternsTooCostly) expect(error).toBeInstanceOf(PatternError);
        }
      }),
    );
  });
});
