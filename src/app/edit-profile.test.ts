import { expect, it } from 'vitest';
import type { DriftEvent } from '#contracts';
import { editProfile } from './edit-profile.ts';

const text = `# Readings of our meters.
profile: readings
version: 1.0.0
format: csv
records:
  - kind: event
    name: reading
    key: [id]   # the meter's own number
    ts: { path: at,  format: iso }

    dimensions:
      site:   site
    measures:
      level: level   # metres
      depth: depth
`;

function event(edit: DriftEvent['edit']): DriftEvent {
  return { profile_id: 'readings', profile_version: '1.0.0', edit, note: 'Edit it by hand.' } as DriftEvent;
}

/** Lines of the second text that the first has not. */
const added = (before: string, after: string): string[] =>
  after.split('\n').filter((line) => !before.split('\n').includes(line));

it('changes the lines that it must, keeps comments, and raises the version', () => {
  const { after, version } = editProfile(
    text,
    event([
      { op: 'replace', path: '/records/0/key/0', value: 'meter_id' },
      { op: 'replace', path: '/records/0/measures/level', value: { path: 'level', null_values: ['N/A'] } },
      { op: 'add', path: '/records/0/dimensions/ground', value: 'Ground' },
      { op: 'remove', path: '/records/0/measures/depth' },
    ]),
  );
  expect(version).toBe('1.1.0');
  expect(added(text, after)).toEqual([
    'version: 1.1.0',
    "    key: [ meter_id ] # the meter's own number",
    '      ground: Ground',
    '      level: { path: level, null_values: [ N/A ] } # metres',
  ]);
  expect(added(after, text)).toHaveLength(4);
});

it('leaves a version alone that was raised already', () => {
  const raised = text.replace('1.0.0', '2.0.0');
  const { after } = editProfile(raised, event([{ op: 'remove', path: '/records/0/measures/depth' }]));
  expect(after).toBe(raised.replace('      depth: depth\n', ''));
});

it('refuses what does not fit, what does not compile, and nothing at all', () => {
  const wrong = (edit: DriftEvent['edit']) => () => editProfile(text, event(edit));
  expect(wrong([{ op: 'remove', path: '/records/0/measures/gone' }])).toThrow(
    expect.objectContaining({ code: 'conflict' }),
  );
  expect(wrong([{ op: 'add', path: '/records/1/measures/x', value: 'x' }])).toThrow(
    expect.objectContaining({ code: 'conflict' }),
  );
  expect(wrong([{ op: 'add', path: '/records/0/measures/x', value: { path: 'x', cast: 'text' } }])).toThrow(
    expect.objectContaining({ code: 'profile_invalid' }),
  );
  expect(wrong([{ op: 'remove', path: '/records/0/key' }])).toThrow(
    expect.objectContaining({ code: 'profile_invalid' }),
  );
  expect(wrong([])).toThrow(expect.objectContaining({ code: 'conflict', action: 'Edit it by hand.' }));
});
