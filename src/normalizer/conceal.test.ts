import { describe, expect, it } from 'vitest';
import { createConcealer } from './conceal.ts';
import { event, profileOf } from './testing.ts';

describe('what is shown of records that are there', () => {
  const conceal = createConcealer(
    profileOf('ndjson', [event()], {
      policy: {
        detectors: { ip: 'allow' },
        fields: {
          'dimensions.mail': { action: 'hash' },
          'dimensions.tel': { action: 'tokenise' },
          'dimensions.desk': { action: 'allow', reason: 'ours' },
          'records[0].name': { action: 'mask' },
        },
      },
    }),
  )!;

  it.each([
    ['mail', 'ada@example.org', 'hidden by the policy'],
    ['mail', 'anything', 'hidden by the policy'],
    ['tel', `tok_${'0'.repeat(32)}`, `tok_${'0'.repeat(32)}`],
    ['desk', 'desk@example.org', 'desk@example.org'],
    ['name', 'signup', 'hidden by the policy'],
    ['note', 'from ada@example.org at 8.8.8.8', 'from [email] at 8.8.8.8'],
    ['ssn', '536904399', '[us_ssn]'],
    ['note', '536904399', '536904399'],
  ])('%s %s: %s', (field, text, shown) => expect(conceal(field, text)).toBe(shown));

  it('is everything without a policy', () => {
    expect(createConcealer(profileOf('ndjson', [event()]))).toBeUndefined();
  });
});
