/** How protected values are written in a record, so that whoever may can find the key. */

const tokenForm = /^tok_[0-9a-f]{32}$/;
const encryptedForm = /^enc1\.([0-9a-f]{32})\.([A-Za-z0-9_-]{38,})$/;

export function tokenOf(keyed: string): string {
  return `tok_${keyed.slice(0, 32)}`;
}

export function isToken(text: string): boolean {
  return tokenForm.test(text);
}

export function encryptedText(subject: string, sealed: string): string {
  return `enc1.${subject}.${sealed}`;
}

export function readEncrypted(text: string): { subject: string; sealed: string } | undefined {
  const found = encryptedForm.exec(text);
  return found === null ? undefined : { subject: found[1]!, sealed: found[2]! };
}

/** What ciphers are given as context, so that one kind of value cannot stand for another. */
export const valueContext = 'value';
export const tokenContext = 'token';
