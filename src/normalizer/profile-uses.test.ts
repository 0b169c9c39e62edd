import { expect, it } from 'vitest';
import { usesOf } from './profile-uses.ts';
import { event, profileOf } from './testing.ts';

it('counts what gives the keys of look-ups, and what candidates are compared by', () => {
  const lookup = { in: 'table', key: ['from', { lookup: { in: 'table', key: 'via', field: 'x' } }], field: 'city' };
  const profile = profileOf(
    'ndjson',
    [event({ key: ['id', { lookup }], dimensions: { city: { lookup, default: '-' } } })],
    {
      lookups: { table: { entities: { name: 'x' }, key: ['a', 'b'] } },
      dedupe: { keep: 'greatest', by: { cel: 'row.seen + row.n' } },
    },
  );
  const uses = usesOf(profile).map(({ segments, pointer, vital }) => [segments.join('/'), pointer, vital]);
  expect(uses).toEqual([
    ['id', '/records/0/key/0', true],
    ['from', '/records/0/key/1/lookup/key/0', true],
    ['via', '/records/0/key/1/lookup/key/1/lookup/key', true],
    ['t', '/records/0/ts', true],
    ['from', '/records/0/dimensions/city/lookup/key/0', false],
    ['via', '/records/0/dimensions/city/lookup/key/1/lookup/key', false],
    ['seen', '/dedupe/by', false],
    ['n', '/dedupe/by', false],
  ]);
  const [by] = usesOf({ ...profile, dedupe: { keep: 'greatest', by: 'seen_at' } }).slice(-1);
  expect(by).toMatchObject({ segments: ['seen_at'], pointer: '/dedupe/by', spec: { path: 'seen_at' } });
});
