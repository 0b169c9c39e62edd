import { describe, expect, it } from 'vitest';
import { validator, type ContractName } from '#contracts';

function explain(contract: ContractName, value: unknown): string[] {
  const check = validator(contract);
  expect(check(value)).toBe(false);
  return check.explain(value).map(({ pointer, message }) => `${pointer}: ${message}`);
}

const rule = { kind: 'metric', name: 'm', key: ['a'], ts: { path: 't' }, value: 'v' };
const profile = (...records: object[]): object => ({ profile: 'p', version: '1.0.0', format: 'csv', records });
const http = (more: object): object => ({
  source: 's',
  connector: 'http',
  profile: 'p',
  http: { url: 'http://a.example/', ...more },
});

describe('a value that breaks its contract', () => {
  it('has a misspelt field named once, with the name that was meant', () => {
    const { ts, ...rest } = rule;
    expect(explain('profiles/profile', profile({ ...rest, tss: ts }))).toEqual([
      '/records/0/tss: unknown field tss; did you mean ts?',
    ]);
    expect(explain('profiles/profile', profile({ ...rest, ts: { pth: 't', format: 'iso' } }))).toEqual([
      '/records/0/ts/pth: unknown field pth; did you mean path?',
    ]);
    expect(explain('reports/query', { kind: 'event', name: 'e', selct: ['ts'] })).toEqual([
      '/selct: unknown field selct; did you mean select?',
    ]);
  });

  it('has everything wrong with it named at once', () => {
    const { value: _, ...rest } = rule;
    const found = explain('profiles/profile', {
      ...profile({ ...rest, kye: 1 }, { ...rule, name: ['m'] }),
      format: 'toml',
    });
    expect(found.toSorted()).toEqual([
      expect.stringMatching(/^\/format: must be one of json, /),
      '/records/0/kye: unknown field kye; did you mean key?',
      '/records/0: the field value is missing; write value: price',
      '/records/1/name: must be string or object',
    ]);
  });

  it('is held against the form that was meant', () => {
    expect(explain('profiles/profile', profile({ ...rule, ts: { format: 'iso' } }))).toEqual([
      '/records/0/ts: one of these is missing: path, const, cel, lookup',
    ]);
    const several = profile({ ...rule, ts: { path: 't', lookup: { in: 'a', key: 'b', field: 'c' } } });
    expect(explain('profiles/profile', several)).toEqual([
      '/records/0/ts: only one of these may stand here: path, const, cel, lookup',
    ]);
    expect(explain('reports/query', { name: 'e' })).toEqual([
      ': the field kind is missing; write kind: metric or event or entity',
      ': one of these is missing: aggregates, select',
    ]);
    const both = { kind: 'event', name: 'e', select: ['ts'], aggregates: [{ fn: 'count', as: 'n' }] };
    expect(explain('reports/query', both)).toEqual([': only one of these may stand here: aggregates, select']);
    expect(explain('sources/source', http({ auth: { type: 'bearer', tokn: '${env:A}' } }))).toEqual([
      '/http/auth/tokn: unknown field tokn; did you mean token?',
    ]);
    expect(explain('sources/source', http({ auth: { type: 'oauth' } }))).toEqual([
      '/http/auth/type: must be one of bearer, basic, api_key',
    ]);
  });

  it('is explained briefly, however much is wrong', () => {
    expect(explain('profiles/profile', profile(...Array.from({ length: 64 }, () => ({}))))).toHaveLength(50);
  });

  it('has a word of a list answered with the list', () => {
    expect(explain('api/quarantine-count', { source_id: 's', reason_code: 'ugly', count: 1 })).toEqual([
      expect.stringMatching(/^\/reason_code: must be one of parse_error, truncated, /),
    ]);
  });

  it('has unknown fields that resemble none answered with those that there are', () => {
    expect(explain('sources/workspace', { workspace: 'w', colour: 'red', size: 1 })).toEqual([
      expect.stringMatching(/^\/colour: unknown fields colour, size; there are workspace, /),
    ]);
  });
});
