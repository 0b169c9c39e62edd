/**
 * Tells whether a path is meant by a glob: `*` any characters of a name, `?` one, `**` any folders. A glob without a slash looks at the last
 * name of the path. Takes a time in proportion to both lengths.
 */
export function globMatcher(glob: string): (path: string) => boolean {
  const wanted = normal(glob).split('/');
  if (wanted.length === 1 && wanted[0] !== '**')
    return (path) => matchesName(wanted[0]!, normal(path).split('/').at(-1)!);
  return (path) => matches(wanted, normal(path).split('/'), '**', matchesName);
}

function matchesName(wanted: string, name: string): boolean {
  return matches(Array.from(wanted), Array.from(name), '*', (a, b) => a === '?' || a === b);
}

function normal(path: string): string {
  return path.replaceAll('\\', '/').replace(/^(?:\.?\/)+/, '');
}

/** `star` in the pattern stands for any items. Of several only the last need be tried at other lengths. */
function matches(
  pattern: readonly string[],
  items: readonly string[],
  star: string,
  same: (wanted: string, found: string) => boolean,
): boolean {
  let at = 0;
  let item = 0;
  let lastStar = -1;
  let resume = 0;
  while (item < items.length) {
    if (pattern[at] === star) {
      lastStar = at++;
      resume = item;
    } else if (at < pattern.length && same(pattern[at]!, items[item]!)) {
      at++;
      item++;
    } else if (lastStar >= 0) {
      at = lastStar + 1;
      item = ++resume;
    } else return false;
  }
  while (pattern[at] === star) at++;
  return at === pattern.length;
}
