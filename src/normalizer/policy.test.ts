import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Policy, Profile } from '#contracts';
import { ChartlyError, sha256Hex } from '#kit';
import { compileProfile } from './compile.ts';
import { tenantKeys, subjectCipher } from './policy/keyed.ts';
import { readEncrypted, tokenContext, valueContext } from './policy/sealed.ts';
import { fixtureKeys } from './resources.ts';
import type { Vault } from './sealing.ts';
import { event, profileOf, run } from './testing.ts';

const { resources, vault } = fixtureKeys();
const keys = tenantKeys(resources.policySecret!);
const card = '4111111111111111';

const fields = ['email', 'note', 'phone', 'place'];
function profileWith(policy: Policy, more: Partial<Profile['records'][number]> = {}): Profile {
  const dimensions = Object.fromEntries(fields.map((name) => [name, name]));
  return profileOf('ndjson', [event({ dimensions, measures: { n: 'n' }, ...more })], { policy });
}

const row = (values: Record<string, unknown>): string => JSON.stringify({ id: 'a', t: 1000, ...values });

async function dimensions(
  policy: Policy,
  values: Record<string, unknown>,
): Promise<Record<string, string> | undefined> {
  const { records } = await run(profileWith(policy), row(values));
  return records[0]?.dimensions;
}

function refused(profile: Profile): { pointer?: string; message: string }[] {
  try {
    compileProfile(profile, () => '');
    return [];
  } catch (error) {
    if (!(error instanceof ChartlyError)) throw error;
    return error.details;
  }
}

describe('a policy', () => {
  it('quarantines what it finds in fields that it does not name, and shows nothing of it', async () => {
    const values = { email: 'ada@example.org', note: `paid with ${card}`, place: 'Zürich' };
    const { records, rejections, counts } = await run(profileWith({}), row(values));
    expect(records).toEqual([]);
    expect(counts).toMatchObject({ candidates: 1, quarantined: 1, records: 0 });
    expect(
      rejections.map(({ reason, rule, pointer, message, masked }) => ({ reason, rule, pointer, message, masked })),
    ).toEqual([
      {
        reason: 'policy_violation',
        rule: 'records[0].dimensions.email',
        pointer: '/email',
        message: 'The field holds an e-mail address, which the policy does not let through.',
        masked: 'hidden by the policy',
      },
      {
        reason: 'policy_violation',
        rule: 'records[0].dimensions.note',
        pointer: '/note',
        message: 'The field holds a payment card number, which the policy does not let through.',
        masked: 'hidden by the policy',
      },
    ]);
  });

  it('lets through, redacts or denies by detector, and by the hint of a name', async () => {
    const policy: Policy = { detectors: { ip: 'allow', email: 'redact' } };
    const values = { note: 'ada@example.org from 8.8.8.8', place: '8.8.8.8' };
    expect(await dimensions(policy, values)).toEqual({ note: '[email] from 8.8.8.8', place: '8.8.8.8' });
    expect(await dimensions({ country: 'DE' }, { note: '030 901820' })).toEqual({ note: '030 901820' });
    expect(await dimensions({ country: 'DE' }, { phone: '030 901820' })).toBeUndefined();
    expect(await dimensions({}, { phone: '030 901820' })).toEqual({ phone: '030 901820' });
  });

  it('does to each field what it says', async () => {
    const values = {
      email: 'ada@example.org',
      note: `paid with ${card}, thanks`,
      phone: '+49 30 901820',
      place: 'x@y.org',
    };
    const policy: Policy = {
      fields: {
        'dimensions.email': { action: 'mask' },
        'dimensions.note': { action: 'redact' },
        'records[0].dimensions.phone': { action: 'hash' },
        'dimensions.place': { action: 'allow', reason: 'no person' },
      },
    };
    expect(await dimensions(policy, values)).toEqual({
      email: '***@example.org',
      note: 'paid with [card], thanks',
      phone: keys.hash('+49 30 901820').slice(0, 32),
      place: 'x@y.org',
    });
    expect(
      await dimensions({ fields: { 'dimensions.place': { action: 'deny', contains: ['mrn'] } } }, { place: '1234567' }),
    ).toBeUndefined();
    expect(
      await dimensions(
        { fields: { 'dimensions.phone': { action: 'deny', country: 'GB' } } },
        { phone: '020 7946 0958' },
      ),
    ).toBeUndefined();
  });

  it('looks at numbers where their name says what they may be, also at digits that a double cannot hold', async () => {
    const measures = { card_number: { path: 'n', cast: 'int64' } as const };
    expect((await run(profileWith({}, { measures }), row({ n: Number(card) }))).rejections).toMatchObject([
      {
        reason: 'policy_violation',
        rule: 'records[0].measures.card_number',
        pointer: '/n',
        masked: 'hidden by the policy',
      },
    ]);
    expect((await run(profileWith({}), row({ n: Number(card) }))).records).toHaveLength(1);
    const long = `{"id":"a","t":1000,"n":4111111111111111111}`;
    const exact = await run(profileWith({}, { measures }), long);
    expect(exact.records[0]?.exact).toEqual({ card_number: '4111111111111111111' });
    // 19 digits, with Luhn's check.
    expect((await run(profileWith({}, { measures }), long.replace(/\d\}$/, '0}'))).rejections).toHaveLength(1);
    const named: Policy = { fields: { 'measures.n': { action: 'deny', contains: ['card'] } } };
    expect((await run(profileWith(named), row({ n: Number(card) }))).rejections).toHaveLength(1);
  });

  it('looks at names that come from the row, not at those that the profile states', async () => {
    expect((await run(profileWith({}, { name: 'ada@example.org' }), row({}))).records).toHaveLength(1);
    const { rejections } = await run(profileWith({}, { name: { path: 'note' } }), row({ note: 'ada@example.org' }));
    expect(rejections.map((r) => r.rule)).toContain('records[0].name');
    const hashed = profileWith({ fields: { name: { action: 'hash' } } }, { name: { path: 'id' } });
    expect((await run(hashed, row({}))).records[0]?.name).toBe(keys.hash('a').slice(0, 32));
  });

  it('makes record ids that nobody can guess at without the key', async () => {
    const plain = profileOf('ndjson', [event()]);
    const [before] = (await run(plain, row({}))).records;
    const [after] = (await run({ ...plain, policy: {} }, row({}))).records;
    const text = ['record', 'default', 'test', 'event', 'a'].map((part) => `${part.length}:${part}`).join('');
    expect(before!.recordId).toBe(sha256Hex(text).slice(0, 32));
    expect(after!.recordId).toBe(keys.recordId(text).slice(0, 32));
  });

  it('hides every value of a failure, and names of members in pointers', async () => {
    const failing = profileOf(
      'ndjson',
      [
        {
          kind: 'metric',
          name: 'm',
          unpivot: { exclude: ['id', 't'] },
          key: ['id', '@column'],
          ts: { path: 't', cast: 'epoch_s' },
          value: { path: '@cell', max: 10 },
        },
      ],
      { policy: {} },
    );
    const { rejections } = await run(failing, row({ 'ada@example.org': 'hunter2', b: 536904399 }));
    expect(rejections.map(({ pointer, masked }) => [pointer, masked])).toEqual([
      ['/[email]', 'hidden by the policy'],
      ['/b', 'hidden by the policy'],
    ]);
    const tooLong = profileWith(
      { fields: { name: { action: 'allow', reason: 'no person' } } },
      { name: { path: 'note' } },
    );
    const broken = await run(tooLong, row({ note: 'secret '.repeat(100) }));
    expect(broken.rejections).toMatchObject([{ reason: 'contract_violation', masked: 'hidden by the policy' }]);
  });
});

describe('sealed fields', () => {
  const policy: Policy = {
    subject: 'who',
    fields: { 'dimensions.email': { action: 'encrypt' }, 'dimensions.phone': { action: 'tokenise' } },
  };
  const rows = (count: number, of = 7): string =>
    Array.from({ length: count }, (_, i) =>
      row({ id: String(i), who: `w${i % of}`, email: `e${i}@example.org`, phone: `p${i % 3}` }),
    ).join('\n');

  it('are encrypted under the key of their subject, the same every time, and can be read with it alone', async () => {
    const first = await run(profileWith(policy), rows(20));
    const again = await run(profileWith(policy), rows(20), {
      chunks: [100],
      limits: { candidates: 5, weight: 1 << 20 },
    });
    expect(again.records.map((r) => r.dimensions)).toEqual(first.records.map((r) => r.dimensions));
    expect(first.records).toHaveLength(20);
    for (const [i, record] of first.records.entries()) {
      const { subject, sealed } = readEncrypted(record.dimensions.email!)!;
      expect(subject).toBe(keys.subject(`w${i % 7}`));
      const [key] = await vault.subjectKeys([subject]);
      expect(subjectCipher(key!).decrypt(sealed, valueContext)).toBe(`e${i}@example.org`);
      const [other] = await vault.subjectKeys([keys.subject('someone else')]);
      expect(subjectCipher(other!).decrypt(sealed, valueContext)).toBeUndefined();
    }
  });

  it('ask for each key once a payload, and keep what a token stands for before its record goes on', async () => {
    const asked: string[] = [];
    const kept: { token: string; subject: string; sealed: string }[] = [];
    const watching: Vault = {
      subjectKeys: (subjects) => {
        asked.push(...subjects);
        return vault.subjectKeys(subjects);
      },
      keepTokens: async (tokens) => void kept.push(...tokens),
    };
    const { records } = await run(profileWith(policy), rows(10_000), { vault: watching });
    expect(asked.toSorted()).toEqual(Array.from({ length: 7 }, (_, i) => keys.subject(`w${i}`)).toSorted());
    expect(kept).toHaveLength(21);
    expect(new Set(records.map((r) => r.dimensions.phone))).toEqual(new Set(kept.map((t) => t.token)));
    const { subject, sealed } = kept[0]!;
    const [key] = await vault.subjectKeys([subject]);
    expect(subjectCipher(key!).decrypt(sealed, tokenContext)).toBe('p0');
  });

  it('of erased subjects are quarantined, and of two candidates with one key the other one is kept', async () => {
    const gone = keys.subject('gone');
    const erasing: Vault = {
      ...vault,
      subjectKeys: async (all) => (await vault.subjectKeys(all)).map((key, i) => (all[i] === gone ? undefined : key)),
    };
    const lines = [
      row({ who: 'here', email: 'first' }),
      row({ who: 'gone', email: 'second' }),
      row({ id: 'b', who: 'gone', email: 'third' }),
      row({ id: 'c', who: 'gone' }),
      row({ id: 'd', email: 'nobody' }),
    ];
    const { records, rejections, counts } = await run(profileWith(policy), lines.join('\n'), { vault: erasing });
    expect(records).toHaveLength(1);
    expect(rejections.map(({ reason, rule, pointer, row: at }) => [reason, rule, pointer, at])).toEqual([
      ['subject_erased', 'policy.subject', '/who', 1],
      ['subject_erased', 'policy.subject', '/who', 2],
      ['subject_erased', 'policy.subject', '/who', 3],
      ['missing_field', 'policy.subject', '/who', 4],
    ]);
    expect(counts).toMatchObject({ candidates: 5, records: 1, quarantined: 4 });
  });

  it('are not needed for a record to be of an erased subject, and a record without a subject goes on', async () => {
    const hashing: Policy = { subject: 'who', fields: { 'dimensions.email': { action: 'hash' } } };
    const lines = [
      row({ who: 'gone', email: 'a' }),
      row({ id: 'b', who: 'here', email: 'b' }),
      row({ id: 'c', email: 'c' }),
    ];
    const gone = keys.subject('gone');
    const erasing: Vault = {
      ...vault,
      subjectKeys: async (all) => (await vault.subjectKeys(all)).map((key, i) => (all[i] === gone ? undefined : key)),
    };
    const { records, rejections } = await run(profileWith(hashing), lines.join('\n'), { vault: erasing });
    expect(records.map((r) => r.dimensions.email)).toEqual(['b', 'c'].map((text) => keys.hash(text).slice(0, 32)));
    expect(rejections).toMatchObject([{ reason: 'subject_erased', row: 0 }]);
  });

  it('need no subject to be tokenised', async () => {
    const { records } = await run(
      profileWith({ fields: { 'dimensions.phone': { action: 'tokenise' } } }),
      row({ phone: 'p' }),
    );
    expect(records[0]!.dimensions.phone).toBe(`tok_${keys.token('p').slice(0, 32)}`);
  });

  it('give the same records in whatever pieces the payload comes, and lose no candidate', async () => {
    const whole = await run(profileWith(policy), rows(50));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }), async (chunks) => {
        const cut = await run(profileWith(policy), rows(50), { chunks });
        expect(cut.counts).toEqual(whole.counts);
        expect(cut.records.map((r) => r.recordHash)).toEqual(whole.records.map((r) => r.recordHash));
      }),
      { numRuns: 20 },
    );
  });
});

describe('any values', () => {
  it('become records or quarantine rows, never both, and no planted value is left anywhere', async () => {
    const planted = fc.constantFrom(
      'ada@example.org',
      card,
      '+49 30 901820',
      'DE89370400440532013000',
      '536-90-4399',
      '192.168.0.17',
    );
    const policies: Policy[] = [
      {},
      {
        detectors: { email: 'redact', card: 'redact', phone: 'redact', iban: 'redact', us_ssn: 'redact', ip: 'redact' },
      },
      {
        subject: 'id',
        fields: Object.fromEntries(fields.map((name) => [`dimensions.${name}`, { action: 'encrypt' as const }])),
      },
      { fields: Object.fromEntries(fields.map((name) => [`dimensions.${name}`, { action: 'hash' as const }])) },
      { fields: Object.fromEntries(fields.map((name) => [`dimensions.${name}`, { action: 'tokenise' as const }])) },
      { fields: Object.fromEntries(fields.map((name) => [`dimensions.${name}`, { action: 'redact' as const }])) },
      {
        fields: Object.fromEntries(
          fields.map((name) => [`dimensions.${name}`, { action: 'mask' as const, keep_last: 0 }]),
        ),
      },
    ];
    const text = fc.tuple(fc.constantFrom('', 'see ', '('), planted, fc.constantFrom('', ' there', ')', ', ok'));
    const values = fc.dictionary(fc.constantFrom(...fields), text, { minKeys: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(values, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(...policies),
        async (rows, policy) => {
          const lines = rows.map((one, i) =>
            row({
              id: String(i),
              ...Object.fromEntries(Object.entries(one).map(([name, parts]) => [name, parts.join('')])),
            }),
          );
          const ran = await run(profileWith(policy), lines.join('\n'));
          expect(ran.counts.records + ran.counts.quarantined).toBe(rows.length);
          const out = JSON.stringify([ran.records, ran.rejections]);
          for (const one of rows) for (const [, value] of Object.values(one)) expect(out).not.toContain(value);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('a policy that cannot be meant', () => {
  it.each<[string, Policy | string, string, RegExp]>([
    [
      'a field that no rule has',
      { fields: { 'dimensions.emial': { action: 'hash' } } },
      '/policy/fields/dimensions.emial',
      /no record rule.*dimensions\.email/,
    ],
    [
      'a hashed number',
      { fields: { 'measures.n': { action: 'hash' } } },
      '/policy/fields/measures.n/action',
      /make it a dimension/,
    ],
    [
      'an encrypted name',
      { subject: 'id', fields: { name: { action: 'encrypt' } } },
      '/policy/fields/name/action',
      /only dimensions/,
    ],
    [
      'encryption for nobody',
      { fields: { 'dimensions.email': { action: 'encrypt' } } },
      '/policy',
      /subject: customer_id/,
    ],
    ['an unknown country', { country: 'XX' }, '/policy/country', /ISO 3166/],
    [
      'a hash that shows something',
      { fields: { 'dimensions.email': { action: 'hash', keep_last: 2 } } },
      '/policy/fields/dimensions.email/keep_last',
      /only mask/,
    ],
    ['a policy that is not written out', 'people', '/policy', /policies\/people\.yaml/],
    [
      'a subject that is no path',
      { subject: 'a[', fields: { 'dimensions.email': { action: 'encrypt' } } },
      '/policy/subject/path',
      /./,
    ],
    [
      'a record rule that is not there',
      { fields: { 'records[3].name': { action: 'hash' } } },
      '/policy/fields/records[3].name',
      /no record rule/,
    ],
  ])('%s is refused with a pointer', (_, policy, pointer, message) => {
    const profile = { ...profileWith({}), policy };
    expect(refused(profile)).toEqual([{ pointer, message: expect.stringMatching(message) }]);
  });
});
