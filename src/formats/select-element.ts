/** One step of a selection in XML: an element's name as it is written, its local name, or any element. */
export interface ElementStep {
  name: string;
  /** The name has no prefix: an element of any prefix is meant. */
  local: boolean;
}

/** A selection that can be followed while bytes stream by. */
export interface ElementPath {
  steps: ElementStep[];
  /** Begins with `//`: the first step may be met at any depth. */
  anywhere: boolean;
}

/** The children of the document's own element. */
export const defaultSelect = '/*/*';

const most = 30;
const step = /^(?:\*|[^\s/*:@[\]()'"=|]+(?::[^\s/*:@[\]()'"=|]+)?)$/;

/** The steps of a path such as `/rss/channel/item` or `//item`; undefined for anything else. */
export function elementPath(select: string): ElementPath | undefined {
  const anywhere = select.startsWith('//');
  if (!select.startsWith('/')) return undefined;
  const names = select.slice(anywhere ? 2 : 1).split('/');
  if (names.length > most || !names.every((name) => step.test(name))) return undefined;
  return { steps: names.map((name) => ({ name, local: !name.includes(':') })), anywhere };
}

/** Follows a selection down a document. What has been met of it at an element is a number: one bit for each step that ends there. */
export interface PathFollower {
  /** At an element's child; `above`: of the element, 0 above the document. `depth`: of the child, from 0. */
  enter(above: number, depth: number, name: string): number;
  /** What has been met is the whole path. */
  isRow(met: number): boolean;
  /** What has been met is all but the last step. */
  isAlmost(met: number): boolean;
  /** Below here no name needs to be looked at. */
  isOff(met: number): boolean;
}

export function followPath({ steps, anywhere }: ElementPath): PathFollower {
  const last = 1 << (steps.length - 1);
  return {
    enter(above, depth, name) {
      const colon = name.indexOf(':');
      const local = colon < 0 ? name : name.slice(colon + 1);
      let met = 0;
      for (let i = 0; i < steps.length; i++) {
        const begins = i === 0 ? anywhere || depth === 0 : (above & (1 << (i - 1))) !== 0;
        if (!begins) continue;
        const wanted = steps[i]!;
        if (wanted.name === '*' || wanted.name === (wanted.local ? local : name)) met |= 1 << i;
      }
      return met;
    },
    isRow: (met) => (met & last) !== 0,
    isAlmost: (met) => steps.length > 1 && (met & (last >> 1)) !== 0,
    isOff: (met) => !anywhere && met === 0,
  };
}
