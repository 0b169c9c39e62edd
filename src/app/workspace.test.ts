import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readWorkspace } from './workspace.ts';
import { parseYaml } from './yaml-source.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chartly-workspace-'));
});
afterAll(async () => rm(root, { recursive: true, force: true }));

async function workspace(name: string, files: Record<string, string>): Promise<string> {
  const dir = join(root, name);
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), text);
  }
  return dir;
}

describe('reading a workspace', () => {
  it('reads the documents of every kind, in order, and knows where their parts stand', async () => {
    const dir = await workspace('good', {
      'chartly.yaml': 'workspace: demo\n',
      'sources/b.yaml': 'source: b\n# a comment\nhttp:\n  headers:\n    a/b: x\n',
      'sources/a.yml': 'source: a\n',
      'profiles/p.yaml': 'profile: p\nrecords:\n  - kind: metric\n  - kind: event\n    key: [x, y]\n',
      'sources/notes.txt': 'not read',
    });
    const { workspace: manifest, documents, locate } = await readWorkspace(dir);
    expect(manifest).toEqual({ workspace: 'demo' });
    expect(documents.map(({ kind, file }) => [kind, file])).toEqual([
      ['source', 'sources/a.yml'],
      ['source', 'sources/b.yaml'],
      ['profile', 'profiles/p.yaml'],
    ]);
    expect(documents[2]!.spec).toEqual({
      profile: 'p',
      records: [{ kind: 'metric' }, { kind: 'event', key: ['x', 'y'] }],
    });
    expect(locate('profiles/p.yaml', '')).toEqual({ line: 1, column: 1 });
    expect(locate('profiles/p.yaml', '/records')).toEqual({ line: 2, column: 1 });
    expect(locate('profiles/p.yaml', '/records/1/key')).toEqual({ line: 5, column: 5 });
    expect(locate('profiles/p.yaml', '/records/1/key/1')).toEqual({ line: 5, column: 14 });
    expect(locate('profiles/p.yaml', '/records/1/missing/deeper')).toEqual({ line: 4, column: 5 });
    expect(locate('sources/b.yaml', '/http/headers/a~1b')).toEqual({ line: 5, column: 5 });
    expect(locate('sources/zzz.yaml', '')).toBeUndefined();
  });

  it('writes the policy that a profile names into it; what the profile says of its own wins', async () => {
    const dir = await workspace('policies', {
      'chartly.yaml': 'workspace: demo\n',
      'policies/people.yaml':
        'policy: people\ncountry: DE\ndetectors: { ip: allow, email: redact }\nfields:\n  dimensions.email: { action: hash }\n',
      'profiles/a.yaml': 'profile: a\npolicy: people\nrecords: [{ dimensions: { email: x } }]\n',
      'profiles/b.yaml':
        'profile: b\npolicy:\n  use: people\n  country: FR\n  detectors: { email: deny }\n  fields: { name: { action: mask } }\n',
      'profiles/c.yaml': 'profile: c\npolicy: { country: GB }\n',
      'profiles/d.yaml': 'profile: d\npolicy: nobodys\n',
    });
    const { documents } = await readWorkspace(dir);
    const people = {
      policy: 'people',
      country: 'DE',
      detectors: { ip: 'allow', email: 'redact' },
      fields: { 'dimensions.email': { action: 'hash' } },
    };
    expect(documents.map(({ spec }) => (spec as { policy: unknown }).policy)).toEqual([
      people,
      {
        ...people,
        country: 'FR',
        detectors: { ip: 'allow', email: 'deny' },
        // It has no such dimension.
        fields: { name: { action: 'mask' } },
      },
      { country: 'GB' },
      'nobodys',
    ]);
  });

  it('names fields of a policy that no profile that names it has', async () => {
    const dir = await workspace('stray', {
      'chartly.yaml': 'workspace: demo\n',
      'policies/people.yaml':
        'policy: people\nfields:\n  dimensions.email: { action: hash }\n  dimensions.emial: { action: hash }\n  records[1].name: { action: hash }\n',
      'policies/unused.yaml': 'policy: unused\nfields:\n  dimensions.x: { action: hash }\n',
      'profiles/a.yaml': 'profile: a\npolicy: people\nrecords: [{ name: n, dimensions: { email: x } }]\n',
      'profiles/b.yaml': 'profile: b\nrecords: [{ name: n, dimensions: { emial: x } }]\n',
    });
    await expect(readWorkspace(dir)).rejects.toMatchObject({
      details: [
        { file: 'policies/people.yaml', line: 4, pointer: '/fields/dimensions.emial' },
        { file: 'policies/people.yaml', line: 5, pointer: '/fields/records[1].name' },
      ],
    });
  });

  it('names file and line of what is wrong in a policy', async () => {
    const dir = await workspace('wrong-policies', {
      'chartly.yaml': 'workspace: demo\n',
      'policies/a.yaml': 'policy: a\nfields:\n  dimensions.x: { action: allow }\n',
      'policies/b.yaml': 'country: DE\n',
      'policies/c.yaml': 'policy: c\n',
      'policies/d.yaml': '# again\npolicy: c\n',
    });
    await expect(readWorkspace(dir)).rejects.toMatchObject({
      code: 'workspace_invalid',
      details: [
        { file: 'policies/a.yaml', line: 3, message: expect.stringContaining('reason') },
        { file: 'policies/b.yaml', line: 1, message: expect.stringContaining('id') },
        { file: 'policies/d.yaml', line: 2, message: 'policy c is defined twice' },
      ],
    });
  });

  it('names file, line and column of everything that is not YAML', async () => {
    const dir = await workspace('broken', {
      'chartly.yaml': 'workspace: demo\n',
      'sources/a.yaml': 'source: a\nsource: again\n',
      'sources/b.yaml': 'source: [b\n',
      'sources/c.yaml': '\n# nothing\n',
      'sources/d.yaml': 'source: d\n---\nsource: e\n',
    });
    const error = await readWorkspace(dir).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'workspace_invalid' });
    const { details } = error as { details: { file: string; line: number; column: number; message: string }[] };
    expect(details.map(({ file, line }) => `${file}:${line}`)).toEqual(
      expect.arrayContaining(['sources/a.yaml:2', 'sources/c.yaml:1', 'sources/d.yaml:2']),
    );
    expect(details.some(({ file }) => file === 'sources/b.yaml')).toBe(true);
    expect(details.find(({ file }) => file === 'sources/a.yaml')).toMatchObject({ column: 1 });
  });

  it('holds chartly.yaml to its contract', async () => {
    const dir = await workspace('manifest', { 'chartly.yaml': 'workspace: demo\ntitle: 3\n' });
    await expect(readWorkspace(dir)).rejects.toMatchObject({
      code: 'workspace_invalid',
      details: [{ file: 'chartly.yaml', pointer: '/title', line: 2, column: 1 }],
    });
  });

  it('says when a directory is no workspace', async () => {
    await expect(readWorkspace(join(root, 'absent'))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('YAML text', () => {
  it('gives back any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // Negative zero has no text of its own in JSON.
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        fc.pre(plain !== null);
        expect(parseYaml(stringify(plain))).toMatchObject({ value: plain, problems: [] });
      }),
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-a:&* \n[\]{}"'|>#%!~]*$/)), (text) => {
        const { value, problems, locate } = parseYaml(text);
        expect(value === undefined).toBe(problems.length > 0);
        expect(locate('/a/0/b').line).toBeGreaterThan(0);
      }),
    );
  });

  it('does not expand a bomb of aliases', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      bomb.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    expect(parseYaml(bomb.join('\n')).problems).toHaveLength(1);
  });
});
