import { isIPv6 } from 'node:net';

/** Four numbers of an IPv4 address; those that name no host in particular are left out. */
export function isIpv4(octets: readonly string[]): boolean {
  if (octets.some((octet) => (octet.length > 1 && octet[0] === '0') || Number(octet) > 255)) return false;
  const [first] = octets;
  return first !== '0' && first !== '127' && octets.some((octet) => octet !== '255');
}

/** A time, a MAC address and `std::string` have colons too: three groups or more, or eight digits, and all that node's own check asks. */
export function isIpv6(text: string): boolean {
  if (!isIPv6(text)) return false;
  const groups = text.split(/:+/).filter((group) => group !== '');
  return groups.length >= 3 || groups.join('').length >= 8;
}
