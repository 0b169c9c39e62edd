/** Where wanted values stand in a JSON text: a tree of steps; `found` is told when the value at a node has been passed. */
export interface Wanted {
  children: Map<string | number, Wanted>;
  found: ((start: number, end: number) => void)[];
}

export function newWanted(): Wanted {
  return { children: new Map(), found: [] };
}

/** Adds a location and says what to do with its byte range. */
export function want(
  root: Wanted,
  location: readonly (string | number)[],
  found: (start: number, end: number) => void,
): void {
  let node = root;
  for (const step of location) {
    let next = node.children.get(step);
    if (next === undefined) {
      next = newWanted();
      node.children.set(step, next);
    }
    node = next;
  }
  node.found.push(found);
}

/** Passes over a document that is known to be valid JSON and reports the byte range of every wanted value. */
export function locate(bytes: Buffer, root: Wanted): void {
  value(bytes, space(bytes, 0), root);
}

function value(bytes: Buffer, start: number, wanted: Wanted | undefined): number {
  let end: number;
  const c = bytes[start]!;
  if (wanted === undefined || wanted.children.size === 0 || (c !== 0x7b && c !== 0x5b)) end = skip(bytes, start);
  else end = c === 0x5b ? list(bytes, start, wanted) : object(bytes, start, wanted);
  for (const found of wanted?.found ?? []) found(start, end);
  return end;
}

function list(bytes: Buffer, start: number, wanted: Wanted): number {
  let at = space(bytes, start + 1);
  for (let index = 0; bytes[at] !== 0x5d; index++) {
    at = space(bytes, value(bytes, at, wanted.children.get(index)));
    if (bytes[at] === 0x2c) at = space(bytes, at + 1);
  }
  return at + 1;
}

function object(bytes: Buffer, start: number, wanted: Wanted): number {
  let at = space(bytes, start + 1);
  // A name may occur twice; JSON.parse keeps the last, so only its range counts.
  const last = new Map<Wanted, number>();
  while (bytes[at] !== 0x7d) {
    const keyEnd = skip(bytes, at);
    const child = wanted.children.get(JSON.parse(bytes.toString('utf8', at, keyEnd)) as string);
    at = space(bytes, space(bytes, keyEnd) + 1);
    if (child !== undefined) last.set(child, at);
    at = space(bytes, skip(bytes, at));
    if (bytes[at] === 0x2c) at = space(bytes, at + 1);
  }
  for (const [child, from] of last) value(bytes, from, child);
  return at + 1;
}

/** The end of the value that starts here. */
function skip(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let i = start; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c === 0x22) {
      for (i++; bytes[i] !== 0x22; i++) if (bytes[i] === 0x5c) i++;
      if (depth === 0) return i + 1;
    } else if ((c & 0xdf) === 0x5b) depth++;
    else if ((c & 0xdf) === 0x5d) {
      // At depth 0 this bracket closes what holds a scalar.
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && (c === 0x2c || c === 0x3a || isSpace(c))) return i;
  }
  return bytes.length;
}

function space(bytes: Buffer, at: number): number {
  while (at < bytes.length && isSpace(bytes[at]!)) at++;
  return at;
}

function isSpace(c: number): boolean {
  return c === 32 || c === 10 || c === 13 || c === 9;
}
