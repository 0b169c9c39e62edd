import { describe, expect, it } from 'vitest';
import { event, profileOf, run } from './testing.ts';
import { archive } from './testing-zip.ts';

const csv = profileOf('csv', [event({ dimensions: { x: 'x' } })], { zip: { member: '*.csv' } });
const months = { '01.csv': 'id,t,x\na,5,one\n', 'notes.txt': 'none', '02.csv': '\ufeffx,id,t\ntwo,b,6\nthree,c,7' };

describe('the files of an archive', () => {
  it('each have their own header and mark, and byte ranges that follow each other', async () => {
    const read = `${months['01.csv']}${months['02.csv']}`;
    for (const chunks of [[1], [1 << 20]]) {
      const { records, counts } = await run(csv, archive(months), { chunks });
      expect(counts).toMatchObject({ rows: 3, records: 3, quarantined: 0, bytes: Buffer.byteLength(read) });
      expect(records.map((r) => r.dimensions.x)).toEqual(['one', 'two', 'three']);
      expect(records.map((r) => r.row)).toEqual([0, 1, 2]);
      const rows = records.map((r) => Buffer.from(read).toString('utf8', r.byteStart, r.byteEnd));
      expect(rows).toEqual(['a,5,one', 'two,b,6', 'three,c,7']);
    }
  });

  it('are documents of their own', async () => {
    const profile = profileOf('json', [event()], { zip: { member: '*' } });
    const { records } = await run(profile, archive({ a: '[{"id":1,"t":5},{"id":2,"t":6}]', b: '{"id":3,"t":5}' }));
    expect(records).toHaveLength(3);
  });

  it('fail each for itself', async () => {
    const files = {
      '1.csv': 'id,t\na,5\n',
      '2.csv': 'id,t\nb,6\n',
      '3.csv': '',
      '4.csv': 'id\n"\n',
      '5.csv': 'id,t\nc,7\n',
    };
    const { records, rejections } = await run(csv, archive(files, '2.csv'));
    expect(records).toHaveLength(2);
    expect(rejections).toMatchObject([
      { reason: 'parse_error', start: 9, end: 9 },
      { reason: 'empty_payload', start: 9, end: 9 },
      { reason: 'truncated', start: 12, end: 14 },
    ]);
  });

  it('need to be named when there are several', async () => {
    const { rejections, counts } = await run(profileOf('csv', [event()]), archive(months));
    expect(rejections).toMatchObject([{ reason: 'archive_unreadable', rule: 'format', start: 0, end: 0 }]);
    expect(rejections[0]!.message).toContain('zip.member');
    expect(rejections[0]!.message).not.toContain('notes');
    expect(counts).toMatchObject({ candidates: 1, quarantined: 1, bytes: 0 });
  });
});
