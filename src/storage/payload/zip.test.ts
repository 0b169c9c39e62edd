import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoded, type ZipFile, zipOf } from './testing.ts';

const csv = (name: string, content = `of ${name}`): ZipFile => ({ name, content });
const three = zipOf([csv('a/one.csv'), { name: 'a/', content: '', method: 0 }, csv('readme.txt'), csv('b/two.csv')]);

describe('an archive', () => {
  it('of one file gives that, whatever file managers put beside it', async () => {
    const files = [csv('__MACOSX/._data.csv'), csv('.DS_Store'), { name: 'x/', content: '', method: 0 as const }];
    expect(await decoded(zipOf([...files, csv('x/data.csv')]))).toEqual({ files: ['of x/data.csv'], damage: [] });
  });

  it('of several files needs to be told which', async () => {
    expect(await decoded(three)).toEqual({ files: [''], damage: ['0 archive_unreadable'] });
    expect((await decoded(three, { member: 'readme.txt' })).files).toEqual(['of readme.txt']);
  });

  it.each([
    ['*.csv', ['of a/one.csv', 'of b/two.csv']],
    ['a/*', ['of a/one.csv']],
    ['a/one.csv', ['of a/one.csv']],
    ['./a/one.csv', ['of a/one.csv']],
    ['**', ['of a/one.csv', 'of readme.txt', 'of b/two.csv']],
    ['**/t?o.*', ['of b/two.csv']],
    ['*', ['of a/one.csv', 'of readme.txt', 'of b/two.csv']],
    ['**/readme.txt', ['of readme.txt']],
  ])('gives the files that %s means, one after the other', async (member, files) => {
    for (const sizes of [[1], [1000]]) expect(await decoded(three, { member }, sizes)).toEqual({ files, damage: [] });
  });

  it.each(['/*.csv/', 'A/one.csv', '*.xml', '?', 'a/*/one.csv', 'b*'])('has no file that %s means', async (member) => {
    expect(await decoded(three, { member })).toEqual({ files: [''], damage: ['0 archive_unreadable'] });
  });

  it('may have a file whose name looks like a glob', async () => {
    const archive = zipOf([csv('[x]*.csv'), csv('[x]y.csv')]);
    expect((await decoded(archive, { member: '[x]y.csv' })).files).toEqual(['of [x]y.csv']);
  });

  it('may be written in any way that the format knows', async () => {
    const files: ZipFile[] = [
      { name: 'stored', content: 'x'.repeat(100_000), method: 0 },
      { name: 'deflated', content: 'y'.repeat(10_000) },
      { name: 'zstd', content: 'z'.repeat(10_000), method: 93 },
      { name: 'sizes behind', content: 'PK\x03\x04', method: 0, flags: 8 },
      { name: 'sizes behind too', content: 'd', flags: 8 },
      { name: 'large', content: 'l', zip64: true },
      { name: 'empty', content: '', method: 0 },
      { name: Buffer.from([0xe4, 0x2e]), content: 'a name in another encoding' },
    ];
    const expected = files.map(({ content }) => content);
    for (const comment of ['', 'PK\x05\x06 and more of it'])
      for (const before of ['', '#!/bin/sh\n'])
        expect(await decoded(zipOf(files, { comment, before }), { member: '**', compression: 'zip' })).toEqual({
          files: expected,
          damage: [],
        });
  });

  it('with names that lead elsewhere reads as any other, for nothing is written', async () => {
    const archive = zipOf([csv('../../etc/passwd'), csv('/abs\\olute.csv'), csv('C:\\x.csv')]);
    expect((await decoded(archive, { member: '*' })).files).toEqual([
      'of ../../etc/passwd',
      'of /abs\\olute.csv',
      'of C:\\x.csv',
    ]);
  });

  it.each([
    ['is encrypted', [{ ...csv('a'), flags: 1 }]],
    ['has a method that is not known', [{ ...csv('a'), method: 12 as 0 }]],
    ['has two files of one name', [csv('a'), csv('a', 'other')]],
    ['is empty', []],
    ['holds folders alone', [{ name: 'a/', content: '' }]],
  ])('that %s is refused', async (_, files) => {
    const { damage } = await decoded(zipOf(files), { member: '**' });
    expect(damage).toEqual(['0 archive_unreadable']);
  });

  it('with a damaged file gives the others', async () => {
    const files = [csv('a'), { ...csv('b'), crc: 1 }, { ...csv('c'), size: 2 }, csv('d')];
    expect(await decoded(zipOf(files), { member: '*' })).toEqual({
      files: ['of a', 'of b', 'of c', 'of d'],
      damage: ['1 parse_error', '2 parse_error'],
    });
    const archive = zipOf([csv('a'), csv('b', 'abcdefgh'.repeat(50)), csv('d')]);
    archive.fill(0xff, archive.indexOf('b', 40) + 1, archive.indexOf('b', 40) + 9);
    expect(await decoded(archive, { member: '*' })).toEqual({ files: ['of a', '', 'of d'], damage: ['1 parse_error'] });
  });

  it('whose directory names what is not there says so', async () => {
    const archive = zipOf([csv('a'), csv('b')]);
    const renamed = Buffer.from(archive);
    renamed[30] = 0x78;
    expect(await decoded(renamed, { member: '*' })).toEqual({ files: ['', 'of b'], damage: ['0 parse_error'] });
  });

  it('whose files share bytes is refused, as that is how bombs are built', async () => {
    const archive = zipOf([csv('a'), csv('b')]);
    const second = archive.indexOf('PK\x01\x02', archive.indexOf('PK\x01\x02') + 1);
    archive.writeUInt32LE(0, second + 42);
    const { damage } = await decoded(archive, { member: '*' });
    expect(damage.at(-1)).toMatch(/archive_unreadable|parse_error/);
    expect(damage).toHaveLength(1);
  });

  it('of archives gives those as they are', async () => {
    const inner = zipOf([csv('a')]);
    expect((await decoded(zipOf([{ name: 'inner.zip', content: inner }]))).files).toEqual([inner.toString('latin1')]);
  });

  it('of very many files takes a time and a memory in proportion', async () => {
    const files = Array.from({ length: 5000 }, (_, i) => csv(`f${i}.csv`, String(i)));
    const { files: found, damage } = await decoded(zipOf(files), { member: '*999.csv' });
    expect({ found, damage }).toEqual({ found: ['999', '1999', '2999', '3999', '4999'], damage: [] });
  });

  it('never ends badly, whatever its bytes', async () => {
    const archive = zipOf([csv('a'), { ...csv('b'), zip64: true }, { ...csv('c'), flags: 8 }], { comment: 'c' });
    const change = fc.tuple(fc.nat({ max: archive.length - 1 }), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const bytes = Buffer.from(archive);
        for (const [at, value] of changes) bytes[at] = value;
        const layer = { member: '*', compression: 'zip' as const, maxBytes: 10_000 };
        const whole = await decoded(bytes, layer);
        expect(await decoded(bytes, layer, [3, 11])).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });
});
