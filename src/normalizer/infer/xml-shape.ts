import { SaxesParser } from 'saxes';
import type { RowsFound } from './json-shape.ts';

/** A place in an XML document: all elements of one name below one place. */
interface Place {
  name: string;
  parent: Place | undefined;
  children: Map<string, Place>;
  elements: number;
  /** Elements with children or attributes: what could be a row. */
  rich: number;
  characters: number;
}

interface Open {
  place: Place | undefined;
  start: number;
  rich: boolean;
}

const maxChildren = 200;
const maxDepth = 16;
/** Deeper documents are not followed to their end. */
const deepest = 10_000;

/** Walks through the text of an XML document, in any division, and finds the elements that are rows. Memory does not grow with the payload. */
export class XmlShapeScanner {
  private readonly root = newPlace('', undefined);
  private readonly stack: Open[] = [];
  private readonly parser = new SaxesParser({ xmlns: false });

  constructor() {
    const { parser, stack, root } = this;
    // Damage is for the rows to report; here whatever can be told apart counts.
    parser.on('error', () => {});
    parser.on('opentag', ({ name, attributes }) => {
      const above = stack.at(-1);
      if (above !== undefined) above.rich = true;
      const place = stack.length > maxDepth ? undefined : child(above === undefined ? root : above.place, name);
      stack.push({ place, start: parser.position, rich: hasMembers(attributes) });
    });
    parser.on('closetag', () => {
      const { place, start, rich } = stack.pop()!;
      if (place === undefined) return;
      place.elements++;
      if (rich) place.rich++;
      place.characters += parser.position - start + place.name.length;
    });
  }

  push(text: string): void {
    if (this.stack.length < deepest) this.parser.write(text);
  }

  found(): Omit<RowsFound, 'documents'> {
    const all = [...walk(this.root)];
    const lists = all.filter(
      ({ rich, elements, parent }) => rich > 0 && parent !== undefined && elements > parent.elements,
    );
    const ranked = lists.filter(({ parent }) => parent !== this.root).sort((a, b) => b.characters - a.characters);
    let best = ranked[0];
    // A page or two around the rows are not the rows.
    if (best !== undefined && best.elements <= 3) {
      const outer = best;
      best = ranked.find((place) => place.elements > 10 * outer.elements && isWithin(place, outer)) ?? best;
    }
    if (best === undefined) {
      const [document] = this.root.children.values();
      return { select: document === undefined ? undefined : pathOf(document), note: 'no element repeats' };
    }
    const chosen = best;
    const others = ranked.filter((place) => place !== chosen && !isWithin(place, chosen) && !isWithin(chosen, place));
    const note =
      others.length === 0
        ? undefined
        : `the elements that take most; others are ${others.slice(0, 3).map(pathOf).join(', ')}`;
    return { select: pathOf(chosen), note };
  }
}

function hasMembers(attributes: Record<string, unknown>): boolean {
  return Object.keys(attributes).some((name) => name !== 'xmlns' && !name.startsWith('xmlns:'));
}

function newPlace(name: string, parent: Place | undefined): Place {
  return { name, parent, children: new Map(), elements: 0, rich: 0, characters: 0 };
}

function child(parent: Place | undefined, name: string): Place | undefined {
  if (parent === undefined) return undefined;
  let place = parent.children.get(name);
  if (place === undefined && parent.children.size < maxChildren) {
    place = newPlace(name, parent);
    parent.children.set(name, place);
  }
  return place;
}

function* walk(place: Place): Generator<Place> {
  for (const below of place.children.values()) {
    yield below;
    yield* walk(below);
  }
}

function isWithin(place: Place, outer: Place): boolean {
  for (let at = place.parent; at !== undefined; at = at.parent) if (at === outer) return true;
  return false;
}

function pathOf(place: Place): string {
  return place.parent === undefined ? '' : `${pathOf(place.parent)}/${place.name}`;
}
