import canonicalize from 'canonicalize';

/**
 * The RFC 8785 form of a JSON value: one text for one value, for digests and signatures.
 * Only for values that a contract accepted: the library below takes `undefined` and dates without complaint.
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('not a JSON value');
  return text;
}
