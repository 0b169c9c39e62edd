import type { lookup } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { addressAllowed, classifyAddress, guardedLookup } from './egress.ts';

const table: [string, ReturnType<typeof classifyAddress>][] = [
  ['93.184.215.14', 'public'],
  ['8.8.8.8', 'public'],
  ['2606:4700::1111', 'public'],
  ['::ffff:8.8.8.8', 'public'],
  ['127.0.0.1', 'private'],
  ['127.255.255.254', 'private'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.1', 'public'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['::1', 'private'],
  ['::ffff:127.0.0.1', 'private'],
  ['::ffff:7f00:1', 'private'],
  ['fd12:3456::1', 'private'],
  ['169.254.169.254', 'forbidden'],
  ['169.254.0.1', 'forbidden'],
  ['::ffff:169.254.169.254', 'forbidden'],
  ['100.100.100.200', 'forbidden'],
  ['168.63.129.16', 'forbidden'],
  ['fd00:ec2::254', 'forbidden'],
  ['fe80::1', 'forbidden'],
  ['fe80::1%eth0', 'forbidden'],
  ['fec0::1', 'forbidden'],
  ['0.0.0.0', 'forbidden'],
  ['0.1.2.3', 'forbidden'],
  ['::', 'forbidden'],
  ['::127.0.0.1', 'forbidden'],
  ['224.0.0.1', 'forbidden'],
  ['255.255.255.255', 'forbidden'],
  ['240.0.0.1', 'forbidden'],
  ['198.18.0.1', 'forbidden'],
  ['192.0.2.1', 'forbidden'],
  ['ff02::1', 'forbidden'],
  ['2002:7f00:1::', 'forbidden'],
  ['2001::1', 'forbidden'],
  ['64:ff9b::7f00:1', 'forbidden'],
  ['2001:db8::1', 'forbidden'],
  ['4000::1', 'forbidden'],
  ['localhost', 'forbidden'],
  ['0x7f.1', 'forbidden'],
  ['2130706433', 'forbidden'],
  ['127.1', 'forbidden'],
  ['', 'forbidden'],
];

test.each(table)('%s is %s', (address, kind) => {
  expect(classifyAddress(address)).toBe(kind);
  expect(addressAllowed(address, false)).toBe(kind === 'public');
  expect(addressAllowed(address, true)).toBe(kind !== 'forbidden');
});

describe('a name', () => {
  const resolving = (...addresses: string[]): typeof lookup =>
    ((_host: string, _options: unknown, callback: (e: null, found: unknown) => void) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )) as never;
  const resolve = (found: string[], options: { all?: boolean } = { all: true }, allowPrivate = false) =>
    new Promise((done) =>
      guardedLookup(allowPrivate, resolving(...found))('x.example', options, (error, address) =>
        done((error as { code?: string } | null)?.code ?? address),
      ),
    );

  test('is refused when any of its addresses is', async () => {
    expect(await resolve(['8.8.8.8', '10.0.0.1'])).toBe('egress_denied');
    expect(await resolve(['8.8.8.8', '::1'])).toBe('egress_denied');
    expect(await resolve(['10.0.0.1', '169.254.169.254'], { all: true }, true)).toBe('egress_denied');
  });

  test('gives its addresses in the form that is asked for', async () => {
    expect(await resolve(['8.8.8.8'])).toEqual([{ address: '8.8.8.8', family: 4 }]);
    expect(await resolve(['8.8.8.8', '1.1.1.1'], {})).toBe('8.8.8.8');
    expect(await resolve(['10.0.0.1'], {}, true)).toBe('10.0.0.1');
  });
});
