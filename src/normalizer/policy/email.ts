/** Characters that an address may have before its @, beside letters and digits. */
const inLocal = new Set(".!#$%&'*+/=?^_`{|}~-");
const localLimit = 64;
const domainLimit = 253;

/** The address around an @ of a text, or undefined. Looks at no more than an address can be long. */
export function emailAt(text: string, at: number): { start: number; end: number } | undefined {
  let start = at;
  while (start > 0 && at - start < localLimit && isLocal(text, start - 1)) start--;
  // A longer local part is none; and a dot or a quote mark before it belongs to the sentence.
  if (start > 0 && isLocal(text, start - 1)) return undefined;
  while (start < at && !isLetterOrDigit(text.charCodeAt(start)) && text[start] !== '_') start++;
  if (start === at || text[at - 1] === '.') return undefined;
  let end = at + 1;
  while (end < text.length && end - at <= domainLimit && isDomain(text, end)) end++;
  while (end > at + 1 && (text[end - 1] === '.' || text[end - 1] === '-')) end--;
  return isHost(text.slice(at + 1, end)) ? { start, end } : undefined;
}

function isLocal(text: string, i: number): boolean {
  return isLetterOrDigit(text.charCodeAt(i)) || inLocal.has(text[i]!);
}

function isDomain(text: string, i: number): boolean {
  return isLetterOrDigit(text.charCodeAt(i)) || text[i] === '.' || text[i] === '-';
}

/** Beyond ASCII every character but spaces and punctuation counts as a letter. */
function isLetterOrDigit(code: number): boolean {
  if (code < 128) return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return code > 191 && !(code >= 0x2000 && code <= 0x206f) && !(code >= 0x3000 && code <= 0x3020);
}

/** Two labels or more, the last of letters; `2.0.0-beta.next` is a version. */
function isHost(domain: string): boolean {
  const labels = domain.split('.');
  if (labels.length < 2 || labels.some((label) => label === '' || label.length > 63)) return false;
  if (labels.some((label) => label[0] === '-' || label.at(-1) === '-')) return false;
  if (isNumber(labels[0]!) && isNumber(labels[1]!)) return false;
  const last = labels.at(-1)!;
  return last.length >= 2 && (/^[A-Za-z]+$/.test(last) || /^xn--[a-z0-9-]+$/i.test(last) || !/[ -~]/.test(last));
}

function isNumber(label: string): boolean {
  return /^\d+$/.test(label);
}
