// Everything that can be wrong with a profile is refused with file, line, column, and what to write instead.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '#cli';

interface Broken {
  name: string;
  yaml: string;
  /** `line:column: message`, in order. */
  says: (string | RegExp)[];
}

/** A whole profile but for what is given; `NAME` becomes the name of the case. The rule begins at line 5, its fields at column 5. */
const lines = (...rest: string[]): string =>
  ['profile: NAME', 'version: 1.0.0', 'format: json', 'records:', ...rest].join('\n');
const rule = ['  - kind: event', '    name: thing', '    key: [id]'];
/** The field under test stands in line 8. */
const withField = (...fields: string[]): string => lines(...rule, ...fields);
const ts = '    ts: at';

/** Refused by the contract, before any service is asked. */
const misshapen: Broken[] = [
  {
    name: 'typo-at-the-top',
    yaml: `${withField(ts)}\nselct: $.a`,
    says: ['9:1: unknown field selct; did you mean select?'],
  },
  {
    name: 'typo-in-a-rule',
    yaml: withField(ts, '    dimenssions: { a: b }'),
    says: ['9:5: unknown field dimenssions; did you mean dimensions?'],
  },
  {
    name: 'typo-in-a-field',
    yaml: withField('    ts: { path: at, formt: iso }'),
    says: ['8:21: unknown field formt; did you mean format?'],
  },
  {
    name: 'nothing-like-it',
    yaml: `${withField(ts)}\ncolour: red`,
    says: [/^9:1: unknown field colour; there are profile, version, .*records/],
  },
  {
    name: 'no-version',
    yaml: withField(ts).replace('version: 1.0.0\n', ''),
    says: ['1:1: the field version is missing; write version: 1.0.0'],
  },
  {
    name: 'version-is-a-number',
    yaml: withField(ts).replace('1.0.0', '1.0'),
    says: ['2:1: must be string: put it into quotes'],
  },
  {
    name: 'short-version',
    yaml: withField(ts).replace('1.0.0', '"1.0"'),
    says: ['2:1: must be written as 1.0.0 (A version: three whole numbers)'],
  },
  {
    name: 'format-misspelt',
    yaml: withField(ts).replace('format: json', 'format: jsn'),
    says: [/^3:1: must be one of json, .*; did you mean json\?$/],
  },
  {
    name: 'no-rules',
    yaml: 'profile: NAME\nversion: 1.0.0\nformat: json\nrecords: []',
    says: [/^4:1: needs at least 1 item; write \[\{ kind: metric, name: stock_price, /],
  },
  {
    name: 'records-left-empty',
    yaml: 'profile: NAME\nversion: 1.0.0\nformat: json\nrecords:',
    says: ['4:1: must be array, and nothing stands here'],
  },
  {
    name: 'no-key',
    yaml: lines('  - kind: event', '    name: thing', ts),
    says: ['5:5: the field key is missing; write key: [symbol, date]'],
  },
  {
    name: 'key-is-no-list',
    yaml: lines('  - kind: event', '    name: thing', '    key: id', ts),
    says: ['7:5: must be array, a list: write [ ] around it'],
  },
  {
    name: 'event-without-time',
    yaml: lines(...rule),
    says: ['5:5: the field ts is missing; write ts: { path: date, format: yyyy-MM-dd }'],
  },
  {
    name: 'metric-without-value',
    yaml: lines('  - kind: metric', '    name: thing', '    key: [id]', ts),
    says: ['5:5: the field value is missing; write value: price'],
  },
  {
    name: 'kind-misspelt',
    yaml: withField(ts).replace('kind: event', 'kind: evnt'),
    says: ['5:5: must be one of metric, event, entity; did you mean event?'],
  },
  {
    name: 'cast-misspelt',
    yaml: withField('    ts: { path: at, cast: datetme }'),
    says: [/^8:21: must be one of .*; did you mean datetime\?$/],
  },
  {
    name: 'path-and-const',
    yaml: withField('    ts: { path: at, const: 2020-01-01 }'),
    says: ['8:5: only one of these may stand here: path, const, cel, lookup'],
  },
  {
    name: 'no-path',
    yaml: withField('    ts: { format: iso }'),
    says: ['8:5: one of these is missing: path, const, cel, lookup'],
  },
  {
    name: 'name-of-a-dimension',
    yaml: withField(ts, '    dimensions:', '      US Gross: gross'),
    says: ['10:7: the name US Gross must be written as us_gross (letters, digits and underscores, no digit first)'],
  },
  {
    name: 'min-in-quotes',
    yaml: withField(ts, '    measures: { a: { path: a, min: "1" } }'),
    says: ['9:31: must be number, written without quotes'],
  },
  {
    name: 'no-such-encoding',
    yaml: `${withField(ts)}\ncsv: { encoding: latin1 }`,
    says: [/^9:8: must be one of utf-8, utf-16le, /],
  },
  {
    name: 'retention-in-hours',
    yaml: `${withField(ts)}\nretention: { raw: PT36H }`,
    says: [
      '9:14: must be written as P90D (payloads, from their capture on; one with open quarantine rows waits for them)',
    ],
  },
  {
    name: 'explode-without-path',
    yaml: withField(ts, '    explode: { on_missing: skip }'),
    says: [/^9:5: the field path is missing/],
  },
];

/** Refused by the compiler. */
const uncompilable: Broken[] = [
  {
    name: 'select-in-csv',
    yaml: `${withField(ts).replace('format: json', 'format: csv')}\nselect: $.a`,
    says: ['9:1: only formats json and xml have a selection, and this is csv; leave it out'],
  },
  {
    name: 'select-is-no-query',
    yaml: `${withField(ts)}\nselect: features[`,
    says: [/^9:1: this is no RFC 9535 JSONPath: .*; write the way to the rows, as \$\.features\[\*\]$/],
  },
  {
    name: 'csv-in-json',
    yaml: `${withField(ts)}\ncsv: { delimiter: ";" }`,
    says: [
      '9:1: this section is about format csv, and the profile has format json; leave it out, or write format: csv',
    ],
  },
  {
    name: 'no-header-no-columns',
    yaml: `${withField(ts).replace('format: json', 'format: csv')}\ncsv: { header: false }`,
    says: ['9:1: without a header the columns need names; write columns: [first, second], one for each'],
  },
  {
    name: 'delimiter-of-two',
    yaml: `${withField(ts).replace('format: json', 'format: csv')}\ncsv: { delimiter: "é" }`,
    says: ['9:8: one ASCII character (or tab) is needed; write ";" or "\\t"'],
  },
  {
    name: 'quote-is-delimiter',
    yaml: `${withField(ts).replace('format: json', 'format: csv')}\ncsv: { delimiter: ";", quote: ";" }`,
    says: ['9:24: quote and delimiter are the same; give one of them another character'],
  },
  {
    name: 'no-such-zone',
    yaml: `${withField(ts)}\ntimezone: Europe/Belin`,
    says: ['9:1: there is no such time zone; write an IANA name, as Europe/Berlin'],
  },
  {
    name: 'strptime',
    yaml: withField('    ts: { path: at, format: "%Y-%m-%d" }'),
    says: [
      '8:21: `Y` is no token; write yyyy for %Y, MM for %m, MMM for %b, dd for %d, HH for %H, mm for %M and ss for %S',
    ],
  },
  {
    name: 'capital-years',
    yaml: withField('    ts: { path: at, format: YYYY-MM-DD }'),
    says: ['8:21: `YYYY` is no token; write yyyy, or put text in single quotes'],
  },
  {
    name: 'months-as-minutes',
    yaml: withField('    ts: { path: at, format: "yyyy-mm-dd HH:mm" }'),
    says: ['8:21: `mm` gives the minute a second time; write MM for months and mm for minutes'],
  },
  {
    name: 'no-year',
    yaml: withField('    ts: { path: at, format: MM-dd }'),
    says: ['8:21: a format needs a year; write yyyy or yy, as in yyyy-MM-dd, or kkkk for weeks'],
  },
  {
    name: 'twelve-hours',
    yaml: withField('    ts: { path: at, format: "yyyy-MM-dd hh:mm" }'),
    says: ['8:21: h and hh need a (am or pm), and the other way round; write h:mm a, or HH:mm for 24 hours'],
  },
  {
    name: 'time-as-number',
    yaml: withField('    ts: { path: at, cast: float }'),
    says: ['8:21: `float` gives no time; write datetime, epoch_s, epoch_ms, epoch_us or epoch_ns'],
  },
  {
    name: 'format-of-an-epoch',
    yaml: withField('    ts: { path: at, cast: epoch_s, format: iso }'),
    says: ['8:36: only a datetime has a format, and this is cast to epoch_s; leave it out, or write cast: datetime'],
  },
  {
    name: 'bounds-swapped',
    yaml: withField(ts, '    measures: { a: { path: a, min: 9, max: 1 } }'),
    says: ['9:31: min is greater than max; swap them'],
  },
  {
    name: 'clamp-to-nothing',
    yaml: withField(ts, '    measures: { a: { path: a, clamp: true } }'),
    says: ['9:31: clamp needs a bound; write min, max or both, or leave clamp out'],
  },
  {
    name: 'separators-alike',
    yaml: withField(ts, '    measures: { a: { path: a, number_format: { decimal: ",", group: "," } } }'),
    says: ['9:31: the decimal and the group separator are the same; write two, as { decimal: ",", group: "." }'],
  },
  {
    name: 'scale-of-zero',
    yaml: withField(ts, '    measures: { a: { path: a, scale: 0 } }'),
    says: ['9:31: the factor is zero, or has too many digits; write one of at most 15 digits, as 0.3048'],
  },
  {
    name: 'default-of-no-number',
    yaml: withField(ts, '    measures: { a: { path: a, default: none } }'),
    says: [/^9:31: .*; write a value of the cast, or another cast$/],
  },
  {
    name: 'earliest-is-no-time',
    yaml: withField('    ts: { path: at, earliest: yesterday }'),
    says: ['8:21: must be a date or an RFC 3339 instant; write 2020-01-31 or 2020-01-31T12:00:00Z'],
  },
  {
    name: 'path-half-open',
    yaml: withField('    ts: "a[0"'),
    says: [
      /^8:5: the path is not understood from character 2 on; write names with dots and places in brackets, as geometry\.coordinates\[0\]/,
    ],
  },
  {
    name: 'path-into-a-column',
    yaml: withField('    ts: $.a.b').replace('format: json', 'format: csv'),
    says: ['8:5: a row of a table has columns alone; write the name of one'],
  },
  {
    name: 'cell-without-unpivot',
    yaml: withField(ts, '    dimensions: { a: "@cell" }'),
    says: ['9:19: @cell has a meaning only in a record rule with unpivot; write the path of a field, or add unpivot'],
  },
  {
    name: 'explode-a-table',
    yaml: withField(ts, '    explode: lines').replace('format: json', 'format: csv'),
    says: [/^9:5: only JSON and the like hold lists in their rows, and this is a table; leave explode out$/],
  },
  {
    name: 'unpivot-and-explode',
    yaml: withField(ts, '    unpivot: { columns: [a] }', '    explode: lines'),
    says: ['10:5: a record rule has either unpivot or explode; write two rules'],
  },
  {
    name: 'unpivot-of-nothing',
    yaml: withField(ts, '    unpivot: {}'),
    says: [
      '9:5: give either columns or exclude: write columns: [a, b] for these alone, or exclude: [a] for all others',
    ],
  },
  {
    name: 'value-of-an-event',
    yaml: withField(ts, '    value: price'),
    says: ['9:5: only a metric has a value; write it under measures, or kind: metric'],
  },
  {
    name: 'same-key-twice',
    yaml: withField(ts, ...rule.map((line) => line.replace('thing', 'other')), ts),
    says: [
      '11:5: this is also the key of /records/0, so the two records of a row would be taken for one. Tell them apart: key: [{ const: other }, id]',
    ],
  },
  {
    name: 'no-such-variable',
    yaml: withField(ts, '    when: rows.x > 1'),
    says: [
      /^9:5: the expression is not valid CEL: .*rows.*; there is row: write row\.NAME for a field of the row, and texts in quotes$/,
    ],
  },
  {
    name: 'half-an-expression',
    yaml: withField(ts, '    when: row.x >'),
    says: [/^9:5: the expression is not valid CEL: .*\(character \d+\)$/],
  },
  {
    name: 'condition-of-a-number',
    yaml: withField(ts, '    when: size("abc")'),
    says: ['9:5: the condition gives int, and bool is needed; compare it, as in row.x > 0'],
  },
  {
    name: 'function-not-there',
    yaml: withField(ts, '    when: timestamp(row.at) > timestamp("2020-01-01T00:00:00Z")'),
    says: [/^9:5: timestamp is not available here; write one of has, size, /],
  },
  {
    name: 'loop-in-a-loop',
    yaml: withField(ts, '    when: row.a.all(x, x.b.exists(y, y > 1))'),
    says: ['9:5: exists is not allowed inside all; write the inner condition without a loop, or explode the list'],
  },
  {
    name: 'pattern-looks-ahead',
    yaml: withField(ts, '    dimensions: { a: { path: a, extract: "(?=x)" } }'),
    says: [/^9:33: a pattern looks neither ahead nor behind/],
  },
  {
    name: 'too-many-repetitions',
    yaml: withField(ts, '    dimensions: { a: { path: a, matches: "^([a-z]{99}x){99}$" } }'),
    says: [/^9:33: the pattern is too large: it compiles to \d+ instructions, and 1000 are the most; write fewer/],
  },
  {
    name: 'group-not-there',
    yaml: withField(ts, '    dimensions: { a: { path: a, replace: [{ pattern: "(a)b", with: "$2" }] } }'),
    says: ['9:62: the pattern has one group, and this names $2; a dollar sign itself is written $$'],
  },
  {
    name: 'units-apart',
    yaml: withField(ts, '    measures: { a: { path: a, convert: { from: degF, to: km } } }'),
    says: ['9:54: km measures length, and degF temperature, which converts to K, degC, degF, degR'],
  },
  {
    name: 'no-such-unit',
    yaml: withField(ts, '    measures: { a: { path: a, convert: { from: DegF, to: degC } } }'),
    says: ['9:42: there is no unit DegF here; do you mean degF?'],
  },
  {
    name: 'no-such-table',
    yaml: `${withField(ts, '    dimensions: { a: { lookup: { in: port, key: a, field: b } } }')}\nlookups: { ports: { entities: { name: port }, key: id } }`,
    says: ['9:34: there is no table port under lookups; there are ports'],
  },
  {
    name: 'half-a-key',
    yaml: `${withField(ts, '    dimensions: { a: { lookup: { in: ports, key: a, field: b } } }')}\nlookups: { ports: { entities: { name: port }, key: [id, day] } }`,
    says: ['9:45: the key of ports has 2 parts, and this has 1; write one field for each of id, day'],
  },
  {
    name: 'combine-of-nothing',
    yaml: `${withField(ts, '    measures: { a: a }')}\ndedupe: { keep: merge, combine: { b: sum } }`,
    says: ['10:35: no record rule has such a number; there are a'],
  },
  {
    name: 'retention-of-no-day',
    yaml: `${withField(ts)}\nretention: { raw: P0D }`,
    says: ['9:14: P0D keeps nothing; write a day at least, as P1D, P90D or P2Y'],
  },
  {
    name: 'limits-of-nothing',
    yaml: `${withField(ts)}\ncompression: none\nlimits: { decoded_ratio: 3 }`,
    says: ['10:1: these bound what a compressed payload holds, and compression is none; leave one of them out'],
  },
  {
    name: 'policy-of-nowhere',
    yaml: `${withField(ts)}\npolicy: people`,
    says: [/^9:1: the policy people is not written out here; /],
  },
  {
    name: 'encrypted-for-nobody',
    yaml: `${withField(ts, '    dimensions: { name: name }')}\npolicy: { fields: { dimensions.name: { action: encrypt } } }`,
    says: [/^10:1: a field is encrypted, so say by `subject` whose key it is/],
  },
  {
    name: 'range-of-no-cells',
    yaml: `${withField(ts).replace('format: json', 'format: xlsx')}\nxlsx: { range: 1:B }`,
    says: ['9:9: this is no range of cells; write B3:F200, B3:F (to the end) or B:F'],
  },
];

let root: string;
const told = new Map<string, string[]>();

/** Validates all of them in one workspace, and keeps what is said of each. */
async function validate(folder: string, cases: readonly Broken[]): Promise<void> {
  const dir = join(root, folder);
  await mkdir(join(dir, 'profiles'), { recursive: true });
  await writeFile(join(dir, 'chartly.yaml'), 'workspace: broken\n');
  for (const { name, yaml } of cases) {
    await writeFile(join(dir, 'profiles', `${name}.yaml`), `${yaml.replace('NAME', name)}\n`);
  }
  let err = '';
  const io = {
    out: () => {},
    err: (text: string) => void (err += text),
    readInput: async () => '',
    columns: undefined,
    color: false,
    liveErr: false,
  };
  expect(await run(['validate', dir, '--data', join(root, 'data')], io)).toBe(1);
  for (const [, name, place, message] of err.matchAll(
    /^ {2}profiles\/([\w-]+)\.yaml:(\d+:\d+): (.*?)(?: \(\/[^)]*\))?$/gm,
  )) {
    told.set(name!, [...(told.get(name!) ?? []), `${place}: ${message}`]);
  }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-broken-'));
  await validate('misshapen', misshapen);
  await validate('uncompilable', uncompilable);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe.each([
  ['its contract', misshapen],
  ['the compiler', uncompilable],
])('a profile that %s refuses', (_by, cases) => {
  it.each(cases)('$name is told where and what to write', ({ name, says }) => {
    const found = told.get(name) ?? [];
    expect(found).toEqual(says.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one))));
  });
});
