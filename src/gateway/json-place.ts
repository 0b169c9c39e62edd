/** What one character or token may be followed by. */
type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'nothing';

const space = /[ \t\n\r]*/y;
const scalar =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/**
 * Where a text stops being JSON: the index of the first token that cannot stand there; the text's length when it only ends too early. For texts
 * that JSON.parse refused: its own messages name the position at times, and quote the text, which may be private.
 */
export function whereJsonBreaks(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : ', or end');
  for (let at = skip(space, text, 0); at < text.length; at = skip(space, text, at)) {
    const char = text[at]!;
    const closes = char === '}' ? '{' : '[';
    if (char === '{' || char === '[') {
      if (expected !== 'value' && expected !== 'value or ]') return at;
      open.push(char);
      expected = char === '{' ? 'key or }' : 'value or ]';
      at++;
    } else if (char === '}' || char === ']') {
      if (open.at(-1) !== closes || (expected !== ', or end' && !expected.endsWith(`or ${char}`))) return at;
      open.pop();
      expected = afterValue();
      at++;
    } else if (char === ',') {
      if (expected !== ', or end') return at;
      expected = open.at(-1) === '{' ? 'key' : 'value';
      at++;
    } else if (char === ':') {
      if (expected !== ':') return at;
      expected = 'value';
      at++;
    } else {
      const isKey: boolean = expected === 'key' || expected === 'key or }';
      const end = skip(scalar, text, at);
      if (end === at || (isKey ? char !== '"' : expected !== 'value' && expected !== 'value or ]')) return at;
      expected = isKey ? ':' : afterValue();
      at = end;
    }
  }
  return text.length;
}

/** The index after the token at `at`; `at` itself when there is none. */
function skip(token: RegExp, text: string, at: number): number {
  token.lastIndex = at;
  return token.test(text) ? token.lastIndex : at;
}
