import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { compileDateFormat, fieldsMs, FormatError, newDateFields } from './date-format.ts';
import { zoneOf } from './zone.ts';

const earliest = Date.UTC(1900, 0, 2);
const latest = Date.UTC(2299, 11, 30);

/** The instant that a text names, read as UTC unless it carries an offset. */
function read(format: string, text: string): number | undefined {
  const fields = newDateFields();
  if (!compileDateFormat(format)(text, fields)) return undefined;
  return fieldsMs(fields) - (fields.offset ?? 0) * 60_000;
}

const formats = [
  'yyyy-MM-dd',
  'yyyy/M/d H:m:s',
  'dd.MM.yyyy HH:mm:ss.SSS',
  'MMM d yyyy',
  'MMMM dd, yyyy',
  'd MMM yyyy hh:mm a',
  'M/d/yyyy h:mm:ss a',
  "yyyy-MM-dd'T'HH:mm:ssZZ",
  'yyyyMMddHHmmss',
  "'on' yyyy-MM-dd 'at' HH:mm Z",
  'EEE, dd MMM yyyy HH:mm:ss ZZ',
  'EEEE d MMMM yyyy',
  "kkkk-'W'WW-E HH:mm",
  'kkkk/W',
  'iso',
];

describe('date formats', () => {
  it.each(formats)('reads what luxon writes: %s', (format) => {
    const times = fc.integer({ min: earliest, max: latest });
    // Luxon itself does not read back what its `Z` writes for fewer than ten minutes.
    const offsets = fc.integer({ min: -48, max: 56 }).map((quarters) => quarters * 15);
    fc.assert(
      fc.property(times, offsets, (ms, offset) => {
        const withOffset = /Z|iso/.test(format);
        const time = DateTime.fromMillis(ms, {
          zone: withOffset
            ? `UTC${offset < 0 ? '-' : '+'}${Math.floor(Math.abs(offset) / 60)}:${String(Math.abs(offset) % 60).padStart(2, '0')}`
            : 'utc',
          locale: 'en-US',
        });
        const text = format === 'iso' ? time.toISO()! : time.toFormat(format);
        const back =
          format === 'iso'
            ? DateTime.fromISO(text)
            : DateTime.fromFormat(text, format, { zone: 'utc', locale: 'en-US' });
        expect(read(format, text)).toBe(back.toMillis());
      }),
    );
  });

  it('refuses dates and times that do not exist', () => {
    for (const text of [
      '2023-02-29',
      '2023-02-30',
      '1900-02-29',
      '2023-13-01',
      '2023-00-01',
      '2023-01-00',
      '2023-04-31',
      '2023-01-01T24:00',
      '2023-01-01T10:60',
      '2023-01-01T10:00:60Z',
    ]) {
      expect(read('iso', text), text).toBeUndefined();
    }
    expect(read('iso', '2024-02-29')).toBe(Date.UTC(2024, 1, 29));
    expect(read('MMM d yyyy', 'Feb 30 2001')).toBeUndefined();
    expect(read('h:mm a yyyy', '13:00 pm 2001')).toBeUndefined();
  });

  it('agrees with luxon on which ISO texts exist', () => {
    const two = fc.integer({ min: 0, max: 70 }).map((n) => String(n).padStart(2, '0'));
    fc.assert(
      fc.property(fc.integer({ min: 1900, max: 2299 }), two, two, two, two, (y, mo, d, h, mi) => {
        const text = `${y}-${mo}-${d}T${h}:${mi}:00Z`;
        const luxon = DateTime.fromISO(text, { zone: 'utc' });
        // Luxon takes 24:00 for the next midnight; here it is no time.
        if (h === '24') expect(read('iso', text)).toBeUndefined();
        else expect(read('iso', text)).toBe(luxon.isValid ? luxon.toMillis() : undefined);
      }),
    );
  });

  it('reads the forms of RFC 3339 and ISO 8601 that are in use', () => {
    const at = Date.UTC(2020, 0, 2, 3, 4, 5);
    for (const text of [
      '2020-01-02T03:04:05Z',
      '2020-01-02 03:04:05z',
      '2020-01-02t05:04:05+02:00',
      '2020-01-02T05:04:05+0200',
      '2020-01-02T05:04:05+02',
    ]) {
      expect(read('iso', text), text).toBe(at);
    }
    expect(read('iso', '2020-01-02T03:04:05.999999999Z')).toBe(at + 999);
    expect(read('iso', '2020-01-02T03:04:05,5')).toBe(at + 500);
    for (const text of [
      '2020-01',
      '20200102',
      '2020-1-2',
      '2020-01-02T3:04',
      '2020-01-02T03:04:05+99:00',
      'x2020-01-02',
      '2020-01-02x',
    ]) {
      expect(read('iso', text), text).toBeUndefined();
    }
  });

  it('reads formats by name', () => {
    const day = Date.UTC(2024, 1, 29);
    const forms: Record<string, [string, number][]> = {
      iso_basic: [
        ['20240229', day],
        ['20240229T0102', day + 62 * 60_000],
        ['20240229T010203Z', day + 3_723_000],
        ['20240229T010203+0100', day + 123_000],
      ],
      iso_week: [
        ['2024-W09-4', day],
        ['2024W094', day],
        ['2024-W01', Date.UTC(2024, 0, 1)],
        ['2020-W53-5', Date.UTC(2021, 0, 1)],
        ['2021W01', Date.UTC(2021, 0, 4)],
      ],
      iso_ordinal: [
        ['2024-060', day],
        ['2024060', day],
        ['2023-365', Date.UTC(2023, 11, 31)],
      ],
      quarter: [
        ['2024-Q2', Date.UTC(2024, 3, 1)],
        ['2024Q4', Date.UTC(2024, 9, 1)],
        ['Q1 2024', Date.UTC(2024, 0, 1)],
        ['2024 Q3', Date.UTC(2024, 6, 1)],
      ],
      rfc2822: [
        ['Tue, 15 Nov 1994 08:12:31 GMT', Date.UTC(1994, 10, 15, 8, 12, 31)],
        ['15 Nov 1994 08:12 -0500', Date.UTC(1994, 10, 15, 13, 12)],
        ['Thu, 01 Feb 2024 00:00:00 EST', Date.UTC(2024, 1, 1, 5)],
        ['Sunday, 06-Nov-94 08:49:37 GMT', NaN],
        ['Sun, 06-Nov-94 08:49:37 UTC', Date.UTC(1994, 10, 6, 8, 49, 37)],
      ],
    };
    for (const [name, texts] of Object.entries(forms)) {
      for (const [text, ms] of texts) expect(read(name, text) ?? NaN, `${name} ${text}`).toBe(ms);
    }
    for (const [name, text] of [
      ['iso_week', '2023-W53'],
      ['iso_week', '2024-W00'],
      ['iso_week', '2024-W09-8'],
      ['iso_ordinal', '2023-366'],
      ['iso_ordinal', '2024-000'],
      ['quarter', '2024-Q5'],
      ['iso_basic', '20230229'],
      ['rfc2822', 'Tue, 15 Nov 1994 08:12:31 XYZ'],
    ] as const)
      expect(read(name, text), `${name} ${text}`).toBeUndefined();
  });

  it('agrees with luxon on days of the year', () => {
    fc.assert(
      fc.property(fc.integer({ min: earliest, max: latest }), (ms) => {
        const date = DateTime.fromMillis(ms, { zone: 'utc' });
        expect(read('iso_ordinal', date.toFormat('yyyy-ooo'))).toBe(date.startOf('day').toMillis());
        expect(read('quarter', date.toFormat("yyyy-'Q'q"))).toBe(date.startOf('quarter').toMillis());
        expect(read('iso_week', date.toISOWeekDate()!)).toBe(date.startOf('day').toMillis());
      }),
    );
  });

  it('cuts a fraction of a second at milliseconds, whatever its digits', () => {
    expect(read('yyyy-MM-dd HH:mm:ss.S', '2024-02-29 00:00:01.5')).toBe(Date.UTC(2024, 1, 29, 0, 0, 1, 500));
    expect(read('yyyy-MM-dd HH:mm:ss.SSSSSS', '2024-02-29 00:00:01.123999')).toBe(Date.UTC(2024, 1, 29, 0, 0, 1, 123));
    expect(read('yyyy-MM-dd HH:mm:ss.SSSSSSSSS', '2024-02-29 00:00:01.000000001')).toBe(Date.UTC(2024, 1, 29, 0, 0, 1));
    expect(read('yyyy-MM-dd HH:mm:ss.SSS', '2024-02-29 00:00:01.12')).toBeUndefined();
  });

  it('turns two-digit years at 69', () => {
    expect(read('dd-MMM-yy', '12-jun-68')).toBe(Date.UTC(2068, 5, 12));
    expect(read('dd-MMM-yy', '12-JUN-69')).toBe(Date.UTC(1969, 5, 12));
  });

  it.each([
    ['QQQ yyyy', '`QQQ`'],
    ['yyyy-MM-dd MM', 'second time'],
    ['MM-dd', 'year'],
    ['yyyy hh', 'need a'],
    ["yyyy 'open", 'not closed'],
    ["yyyy-'W'WW", 'kkkk'],
    ['kkkk-MM', 'kkkk'],
    ['yyyy-E', 'E needs a week'],
    ['yyyy-MM-DDD', 'the day of the year says the date'],
    ["yyyy'Q'q-dd", 'the quarter says the date'],
    ['yyyy kkkk WW', 'second time'],
  ])('refuses the format %s', (format, message) => {
    expect(() => compileDateFormat(format)).toThrow(FormatError);
    expect(() => compileDateFormat(format)).toThrow(message);
  });

  it('never throws on any text', () => {
    const parsers = formats.map(compileDateFormat);
    const fields = newDateFields();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d/:. TZ-]{0,20}$/)), (text) =>
        parsers.every((parse) => typeof parse(text, fields) === 'boolean'),
      ),
    );
  });
});

describe('zones', () => {
  const names = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Africa/Casablanca',
    'America/Sao_Paulo',
    'Pacific/Apia',
    'Europe/London',
    'UTC',
  ];

  it('agrees with luxon on every local time that exists once', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.integer({ min: Date.UTC(1971, 0), max: Date.UTC(2036, 0) }),
        (name, ms) => {
          const local = ms + DateTime.fromMillis(ms, { zone: name }).offset * 60_000;
          const zone = zoneOf(name);
          const exact = zone.toUtc(local, 'reject');
          // Of a local time that occurs twice, the instant is one of the two.
          if (exact === undefined) expect([zone.toUtc(local, 'earlier'), zone.toUtc(local, 'later')]).toContain(ms);
          else expect(exact).toBe(ms);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('follows the policy where a local time occurs twice or never', () => {
    const zone = zoneOf('Europe/Berlin');
    const twice = Date.UTC(2023, 9, 29, 2, 30);
    expect(zone.toUtc(twice, 'earlier')).toBe(Date.UTC(2023, 9, 29, 0, 30));
    expect(zone.toUtc(twice, 'later')).toBe(Date.UTC(2023, 9, 29, 1, 30));
    expect(zone.toUtc(twice, 'reject')).toBeUndefined();
    const never = Date.UTC(2023, 2, 26, 2, 30);
    expect(zone.toUtc(never, 'earlier')).toBe(Date.UTC(2023, 2, 26, 0, 30));
    expect(zone.toUtc(never, 'later')).toBe(Date.UTC(2023, 2, 26, 1, 30));
    expect(zone.toUtc(never, 'reject')).toBeUndefined();
  });

  it('refuses a name that is none', () => {
    expect(() => zoneOf('Mars/Olympus')).toThrow(RangeError);
  });
});
