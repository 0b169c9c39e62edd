/**
 * Which addresses an upstream may have. Filtering the resolver alone is not enough, since an address literal never meets it:
 * the literal, every resolved address and the address the socket really reached are all checked.
 */
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector } from 'undici';
import { ChartlyError } from '#kit';

export type AddressClass = 'public' | 'private' | 'forbidden';

/** Cloud metadata services outside of the link-local ranges. */
const metadata = new Set(['100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254', '168.63.129.16', '192.0.0.192']);
const privateRanges = new Set(['loopback', 'private', 'uniqueLocal', 'carrierGradeNat']);
const globalUnicast = ipaddr.parseCIDR('2000::/3');

/**
 * Public: anywhere on the internet. Private: loopback, private and shared ranges, reachable with `allow_private`.
 * Forbidden: link-local, metadata services, multicast, unspecified, tunnels, reserved and whatever is not an address.
 */
export function classifyAddress(text: string): AddressClass {
  const bare = text.replace(/%.*$/, '');
  if (isIP(bare) === 0) return 'forbidden';
  // Unwraps IPv4 in IPv6 (::ffff:127.0.0.1); in hexadecimal, since the library takes ::1.2.3.4 for ::ffff:1.2.3.4.
  const address = ipaddr.process(isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare);
  if (metadata.has(address.toString())) return 'forbidden';
  const range = address.range();
  if (privateRanges.has(range)) return 'private';
  if (range !== 'unicast') return 'forbidden';
  if (address.kind() === 'ipv6' && !(address as ipaddr.IPv6).match(globalUnicast)) return 'forbidden';
  return 'public';
}

/** Whether an address may be called. */
export function addressAllowed(address: string, allowPrivate: boolean): boolean {
  const kind = classifyAddress(address);
  return kind === 'public' || (kind === 'private' && allowPrivate);
}

function denied(host: string, address: string): ChartlyError {
  if (classifyAddress(address) === 'private') {
    return new ChartlyError('egress_denied', `The upstream ${host} has a private or loopback address.`);
  }
  return new ChartlyError('egress_denied', `The upstream ${host} has an address that is never called.`, {
    action: 'Use an upstream with a public address.',
  });
}

type LookupCallback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Resolves a name, and refuses it when any of its addresses is not allowed: a mixed answer is a rebinding attempt or a mistake. */
export function guardedLookup(allowPrivate: boolean, resolve: typeof dnsLookup = dnsLookup) {
  return (host: string, options: LookupOptions, callback: LookupCallback): void => {
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const bad = found.find(({ address }) => !addressAllowed(address, allowPrivate));
      if (bad !== undefined) return callback(denied(host, bad.address), []);
      if (options.all === true) return callback(null, found);
      const first = found[0];
      if (first === undefined) return callback(new Error('the name has no address'), []);
      callback(null, first.address, first.family);
    });
  };
}

/** A dispatcher that reaches allowed addresses only, with connections of its own, and that knows no proxy variables. */
export function createGuardedAgent(allowPrivate: boolean): Agent {
  const lookup = guardedLookup(allowPrivate) as never;
  // HTTP/2 off: a body cut short must show as an error, and the checks below want one socket for one connection.
  const connect = buildConnector({ lookup, timeout: 60_000, allowH2: false });
  return new Agent({
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, callback) {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !addressAllowed(host, allowPrivate)) return callback(denied(host, host), null);
      connect(options, (error, socket) => {
        if (error) return callback(error, null);
        const reached = socket.remoteAddress ?? '';
        if (addressAllowed(reached, allowPrivate)) return callback(null, socket);
        socket.destroy();
        callback(denied(host, reached), null);
      });
    },
  });
}
