/** A stretch of letters and digits in a text, and what stands between it and the one before. */
export interface Token {
  start: number;
  end: number;
  /** Holds digits alone. */
  digits: boolean;
  /** The character before it, when exactly one separates it from the token before; else empty. */
  sep: string;
}

/** Cuts a text into tokens; letters beyond ASCII belong to them, so that nothing is found in the middle of a word. One pass. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const { length } = text;
  let before = -1;
  for (let at = 0; at < length;) {
    if (!isWord(text.charCodeAt(at))) {
      at++;
      continue;
    }
    const start = at;
    let digits = true;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code >= 48 && code <= 57) continue;
      if (!isWord(code)) break;
      digits = false;
    }
    tokens.push({ start, end: at, digits, sep: before >= 0 && start - before === 1 ? text[before]! : '' });
    before = at;
  }
  return tokens;
}

/** ASCII letters and digits, and everything beyond ASCII but the no-break space. */
function isWord(code: number): boolean {
  if (code < 128) return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return code !== 160;
}
