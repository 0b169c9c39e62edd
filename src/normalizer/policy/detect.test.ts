import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Detector } from '#contracts';
import { createDetect, type DetectOptions } from './detect.ts';
import { detectorNames, hintsOfName } from './detector-names.ts';
import { ibanLength } from './iban.ts';
import { findings } from './windows.ts';

/** What is found, as `detector:text`. */
function found(text: string, options: DetectOptions = {}): string[] {
  return createDetect(options)(text).map(({ detector, start, end }) => `${detector}:${text.slice(start, end)}`);
}

/** Values that are found whole, and inside of a sentence; others that look like them and are not. */
const cases: Record<Detector, { found: string[]; not: string[]; hinted?: string[]; country?: string }> = {
  email: {
    found: [
      'ada@example.org',
      'a.b+tag@mail.example.co.uk',
      "o'brien@example.ie",
      'x@163.com',
      'jörg@müller.de',
      'a@xn--mller-kva.de',
    ],
    not: [
      'user@localhost',
      '@handle',
      'a@b',
      'pkg@1.2.3',
      'pkg@2.0.0-beta.next',
      'a@-b.org',
      'a@b..org',
      'me at example.org',
      '@',
      'x@y.1',
    ],
  },
  iban: {
    found: [
      'GB82WEST12345698765432',
      'GB82 WEST 1234 5698 7654 32',
      'DE89370400440532013000',
      'FR1420041010050500013M02606',
      'NO9386011117947',
    ],
    not: [
      'GB83WEST12345698765432',
      'GB82WEST123456987654321',
      'ZZ82WEST12345698765432',
      'DE8937040044053201300',
      'AB12 3456 7890 1234',
    ],
  },
  card: {
    found: [
      '4111111111111111',
      '4111 1111 1111 1111',
      '4111-1111-1111-1111',
      '5555555555554444',
      '2223003122003222',
      '378282246310005',
      '3782 822463 10005',
      '6011111111111117',
      '3530111333300000',
      '30569309025904',
    ],
    not: [
      '4111111111111112',
      '1700000000000',
      '1700000000000000',
      '20240102030405',
      '4006381333931',
      '9999999999999995',
      '0.4111111111111111',
      '4111111111111111.5',
      '4111 1111-1111 1111',
      '1-4111111111111111',
      '4111111111111111a',
      '0000000000000000',
    ],
  },
  fr_nir: {
    found: ['295109912611193', '2 95 10 99 126 111 93', '2951099126111 93'],
    not: ['295109912611194', '395109912611193', '295139912611193', '170000000000000'],
  },
  it_codice_fiscale: {
    found: ['RCCMNL83S18D969H', 'RSSMRA85T10A562S', 'rssmra85t10a562s'],
    not: ['RCCMNL83S18D969I', 'ABCDEF12G34H567I'],
  },
  es_dni: {
    found: ['12345678Z', '54362315K', '12345678-Z', 'X2482300W', 'X-2482300-W'],
    not: ['12345678A', '54362315Z', 'X2482300A', '1234567Z', 'ABCDEFGHI'],
  },
  uk_nino: {
    found: ['AB123456C', 'AB 12 34 56 C', 'jg103759a'],
    not: ['BG123456C', 'DA123456C', 'AB123456E', 'AO123456C', 'AB12345C'],
  },
  us_ssn: {
    found: ['536-90-4399', '123-45-6789'],
    not: [
      '536904399',
      '000-12-3456',
      '666-12-3456',
      '900-12-3456',
      '536-00-4399',
      '536-90-0000',
      '078-05-1120',
      '1-536-90-4399',
      '536-90-43990',
      '555-123-4567',
    ],
    hinted: ['536904399', '536 90 4399'],
  },
  de_steuer_id: {
    found: ['86095742719', '47036892816', '65 929 970 489'],
    not: ['86095742718', '12345678901', '11111111111', '01234567890', '17000000000'],
  },
  se_personnummer: {
    found: ['880320-0016', '811228-9874', '19811228-9874', '811228+9874'],
    not: ['880320-0018', '881320-0016', '880332-0016', '8803200016', '202401021530', '550101-0001'],
    hinted: ['8803200016', '198112289874'],
  },
  nl_bsn: { found: [], not: ['111222333', '100000009'], hinted: ['111222333', '111.222.333', '123456782'] },
  phone: {
    found: ['+49 30 901820', '+1 212-456-7890', '+1 (212) 456-7890', '+442079460958', '+33 1 42 68 53 00'],
    not: [
      '030 901820',
      '2124567890',
      '555-1234',
      '+1',
      '+40.7128-074.0060',
      '+52.5200+013.4050',
      'C++11 and C++14',
      '+00000000000',
      '1700000000',
      '+01:00',
      '2024-01-02',
      '3+4915112345678901234',
    ],
    hinted: ['030 901820', '(030) 901820', '0151 23456789'],
    country: 'DE',
  },
  ip: {
    found: [
      '8.8.8.8',
      '192.168.0.17',
      '203.0.113.255',
      '2001:db8::8a2e:370:7334',
      'fe80::1ff:fe23:4567:890a',
      '2001:0db8:85a3:0000:0000:8a2e:0370:7334',
    ],
    not: [
      '1.2.3',
      '1.2.3.4.5',
      '1.3.6.1.4.1.311',
      '256.1.1.1',
      '01.2.3.4',
      'v1.2.3.4',
      '10.0.19041.1',
      '127.0.0.1',
      '0.0.0.0',
      '255.255.255.255',
      '12:34:56',
      '::1',
      '::',
      'std::string',
      'a::b',
      '00:1A:2B:3C:4D:5E',
      '10.20.30.40-rc',
    ],
  },
  date_of_birth: {
    found: [],
    not: ['1985-03-02', '02.03.1985'],
    hinted: ['1985-03-02', '02.03.1985', '3/2/1985', '19850302', '1985-03-02T00:00:00Z'],
  },
  mrn: { found: [], not: ['12345678', 'A-1234567'], hinted: ['12345678', 'A-1234567', 'MRN0001234'] },
  icd10: { found: [], not: ['E11.9', 'J45'], hinted: ['E11.9', 'J45', 'e11.9, I10', 'S72001A'] },
};

describe('each detector', () => {
  it.each(detectorNames)('%s finds what it should, whole and in a sentence', (detector) => {
    for (const text of cases[detector].found) {
      expect(found(text), text).toEqual([`${detector}:${text}`]);
      expect(found(`Call (${text}), or write.`), text).toEqual([`${detector}:${text}`]);
      expect(found(`a ${text} b ${text}`), text).toEqual([`${detector}:${text}`, `${detector}:${text}`]);
      expect(found(`ü${text}`).includes(`${detector}:${text}`) && detector !== 'phone', `letters before ${text}`).toBe(
        false,
      );
      expect(found(text, { detectors: detectorNames.filter((name) => name !== detector) }), text).toEqual([]);
    }
  });

  it.each(detectorNames)('%s leaves what only looks like it', (detector) => {
    for (const text of cases[detector].not) {
      expect(found(text, { detectors: [detector] }), text).toEqual([]);
      expect(found(`see ${text} there`, { detectors: [detector] }), text).toEqual([]);
    }
  });

  it.each(detectorNames)('%s finds more where a hint says so, and still not everything', (detector) => {
    const { hinted = [], country } = cases[detector];
    for (const text of hinted) {
      expect(found(text, { detectors: [detector], hints: [detector], country }), text).toEqual([`${detector}:${text}`]);
      expect(found(text, { detectors: [detector], country }), `${text} without a hint`).toEqual([]);
    }
    for (const text of ['', ' ', 'none', 'n/a', 'see note', '12', '-']) {
      expect(found(text, { hints: [detector], country }), text).toEqual([]);
    }
  });

  it('reads a phone number in the country given, and in no other', () => {
    const hints: Detector[] = ['phone'];
    expect(found('020 7946 0958', { hints, country: 'GB' })).toEqual(['phone:020 7946 0958']);
    expect(found('020 7946 0958', { hints, country: 'US' })).toEqual([]);
    expect(found('020 7946 0958', { hints })).toEqual([]);
    expect(found('1985-03-02', { hints, country: 'DE' })).toEqual([]);
  });

  it('finds a phone number that other digits follow', () => {
    expect(found('rang +44 20 7946 0958 2 times, +1 212-456-7890 2024-01-02 09:00')).toEqual([
      'phone:+44 20 7946 0958',
      'phone:+1 212-456-7890',
    ]);
  });

  it('finds in texts of any length, and a value on a border of windows once', () => {
    const detect = createDetect();
    for (let length = 64_000; length < 66_000; length += 7) {
      const text = `${'x '.repeat(length / 2)}ada@example.org ${'y '.repeat(40_000)}bob@example.org`;
      expect([...findings(text, detect)].map(({ start, end }) => text.slice(start, end))).toEqual([
        'ada@example.org',
        'bob@example.org',
      ]);
    }
  });

  it('keeps findings apart and in order', () => {
    const text = 'to a@b.org, 4111111111111111@shop.example from 8.8.8.8 for DE89370400440532013000';
    expect(found(text)).toEqual([
      'email:a@b.org',
      'email:4111111111111111@shop.example',
      'ip:8.8.8.8',
      'iban:DE89370400440532013000',
    ]);
  });

  it('knows the length of an IBAN by its country', () => {
    expect([ibanLength('NO93'), ibanLength('MT84'), ibanLength('XX00'), ibanLength('DE8')]).toEqual([
      15,
      31,
      undefined,
      undefined,
    ]);
  });
});

describe('hints by name', () => {
  it.each<[string, Detector[]]>([
    ['home_phone', ['phone']],
    ['Mobile', ['phone']],
    ['patientDob', ['date_of_birth']],
    ['date of birth', ['date_of_birth']],
    ['ICD-10', ['icd10']],
    ['medical_record_number', ['mrn']],
    ['ssn', ['us_ssn']],
    ['credit-card', ['card']],
    ['magnitude', []],
    ['telemetry', []],
    ['cells', []],
    ['panorama', []],
    ['', []],
  ])('%s: %j', (name, hints) => expect(hintsOfName(name)).toEqual(hints));
});

/** Any UTF-16, half characters included. */
const anyText = fc.array(fc.nat({ max: 0xffff }), { maxLength: 60 }).map((codes) => String.fromCharCode(...codes));

describe('any text', () => {
  const options: DetectOptions[] = [
    {},
    { hints: detectorNames, country: 'DE' },
    { hints: detectorNames, country: 'XX' },
  ];
  const bits = fc.constantFrom(
    '@',
    '.',
    ':',
    '+',
    '-',
    ' ',
    '4',
    '1',
    '0',
    'a',
    'DE',
    'é',
    '\ud800',
    '(',
    ')',
    '/',
    '4111111111111111',
    'a@b.org',
  );

  it('never throws, and findings are in the text, in order and apart', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          fc.array(bits, { maxLength: 60 }).map((a) => a.join('')),
        ),
        (text) => {
          for (const option of options) {
            let end = 0;
            for (const finding of createDetect(option)(text)) {
              expect(finding.start).toBeGreaterThanOrEqual(end);
              expect(finding.end).toBeGreaterThan(finding.start);
              ({ end } = finding);
            }
            expect(end).toBeLessThanOrEqual(text.length);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    'a',
    '@',
    'a@',
    '1',
    '1 ',
    '4-',
    '+1',
    '+1 ',
    ':',
    'a:',
    '::',
    '.',
    '1.',
    'DE89 ',
    'a@b.c',
    '+4930901820 ',
    'ab12',
  ])('takes time in proportion to the length of %j repeated', (bit) => {
    // Quadratic work on a megabyte would take hours, and the runner's limit ends it.
    const text = bit.repeat(Math.ceil(1_000_000 / bit.length));
    for (const option of options) expect(createDetect(option)(text).length).toBeLessThan(200_000);
  });
});
