/** A place in a JSON document; `*` stands for every item of a list. */
interface Shape {
  step: string;
  parent: Shape | undefined;
  children: Map<string, Shape>;
  objects: number;
  lists: number;
  bytes: number;
}

const maxChildren = 200;
const maxDepth = 8;
const maxKey = 512;

/** Where a document has its rows. */
export interface RowsFound {
  /** Values at the top: more than one means one JSON value a line. */
  documents: number;
  /** JSONPath of the rows; undefined when the document itself is the one row. */
  select: string | undefined;
  /** Why this list, when there were others. */
  note: string | undefined;
}

interface Frame {
  shape: Shape | undefined;
  array: boolean;
  start: number;
}

/** Walks through JSON bytes, in any division, and finds the list that holds the rows. Memory does not grow with the payload. */
export class ShapeScanner {
  private readonly root = newShape('$', undefined);
  private readonly stack: Frame[] = [];
  private documents = 0;
  private at = 0;
  private inString = false;
  private escaped = false;
  private isKey = false;
  private inScalar = false;
  private expectsKey = false;
  private keyBytes: number[] = [];
  private key = '';

  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; i++) {
      const c = chunk[i]!;
      if (this.inString) this.string(c);
      else this.byte(c, this.at + i);
    }
    this.at += chunk.length;
  }

  private string(c: number): void {
    if (this.escaped) this.escaped = false;
    else if (c === 0x5c) this.escaped = true;
    else if (c === 0x22) {
      this.inString = false;
      if (this.isKey) this.key = keyText(this.keyBytes);
      return;
    }
    if (this.isKey && this.keyBytes.length < maxKey) this.keyBytes.push(c);
  }

  private byte(c: number, at: number): void {
    const frame = this.stack.at(-1);
    switch (c) {
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
      case 0x3a:
        this.inScalar = false;
        return;
      case 0x22:
        this.inString = true;
        this.isKey = this.expectsKey;
        this.keyBytes = [];
        if (this.isKey) this.expectsKey = false;
        else this.begin();
        return;
      case 0x7b:
      case 0x5b: {
        const shape = this.begin();
        if (shape !== undefined) {
          if (c === 0x7b) shape.objects++;
          else shape.lists++;
        }
        this.stack.push({ shape, array: c === 0x5b, start: at });
        this.expectsKey = c === 0x7b;
        return;
      }
      case 0x7d:
      case 0x5d:
        if (frame?.shape !== undefined) frame.shape.bytes += at - frame.start;
        this.stack.pop();
        this.expectsKey = this.inScalar = false;
        return;
      case 0x2c:
        this.expectsKey = frame !== undefined && !frame.array;
        this.inScalar = false;
        return;
      default:
        if (!this.inScalar) this.begin();
        this.inScalar = true;
    }
  }

  /** A value starts here: its place. */
  private begin(): Shape | undefined {
    const frame = this.stack.at(-1);
    if (frame === undefined) {
      this.documents++;
      return this.root;
    }
    const { shape } = frame;
    if (shape === undefined || this.stack.length > maxDepth) return undefined;
    const step = frame.array ? '*' : `.${this.key}`;
    let child = shape.children.get(step);
    if (child === undefined && shape.children.size < maxChildren) {
      child = newShape(step, shape);
      shape.children.set(step, child);
    }
    return child;
  }

  found(): RowsFound {
    const lists = [...walk(this.root)].filter((shape) => shape.step === '*' && shape.objects + shape.lists > 0);
    const ranked = lists.sort((a, b) => b.bytes - a.bytes);
    let best: Shape | undefined = ranked.find((shape) => shape.objects > 0) ?? ranked[0];
    if (best !== undefined && best.objects + best.lists <= 3) {
      // A page or two around the rows are not the rows.
      const outer = best;
      best =
        ranked.find((shape) => shape.objects > 10 * (outer.objects + outer.lists) && isWithin(shape, outer)) ?? best;
    }
    const { documents } = this;
    const chosen = best;
    if (chosen === undefined) return { documents, select: mapSelect(this.root), note: undefined };
    const others = lists.filter((shape) => shape !== chosen && shape.objects > 0 && !isWithin(shape, chosen));
    const note =
      others.length === 0 ? undefined : `the largest list; others are ${others.slice(0, 3).map(pathOf).join(', ')}`;
    return { documents, select: pathOf(chosen), note };
  }
}

/** An object of many objects, without any list of them: its members are the rows. */
function mapSelect(root: Shape): string | undefined {
  const maps = [...walk(root)].filter((shape) => {
    const children = [...shape.children.values()];
    return children.length >= 3 && children.every((child) => child.objects > 0 && child.step !== '*');
  });
  const best = maps.sort((a, b) => b.bytes - a.bytes)[0];
  return best === undefined ? undefined : `${pathOf(best)}[*]`;
}

function newShape(step: string, parent: Shape | undefined): Shape {
  return { step, parent, children: new Map(), objects: 0, lists: 0, bytes: 0 };
}

function* walk(shape: Shape): Generator<Shape> {
  yield shape;
  for (const child of shape.children.values()) yield* walk(child);
}

function isWithin(shape: Shape, outer: Shape): boolean {
  for (let at = shape.parent; at !== undefined; at = at.parent) if (at === outer) return true;
  return false;
}

function pathOf(shape: Shape): string {
  if (shape.parent === undefined) return '$';
  const step = shape.step === '*' ? '[*]' : memberStep(shape.step.slice(1));
  return pathOf(shape.parent) + step;
}

function memberStep(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `.${name}`;
  return `['${JSON.stringify(name).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}']`;
}

function keyText(bytes: readonly number[]): string {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
