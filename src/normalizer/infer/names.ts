type Steps = readonly (string | number)[];

/** A name as records have them, made of any text: lower case words with underscores. */
export function snake(text: string): string {
  const words = text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('%', ' percent ')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toLowerCase()
    .slice(0, 64);
  if (words === '') return 'field';
  return /^[0-9]/.test(words) ? `n_${words}` : words;
}

/** An id as contracts want it, made of any text. */
export function idOf(text: string): string {
  const id = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+|[-._]+$/g, '')
    .slice(0, 60);
  return id === '' ? 'data' : id;
}

const axes = ['longitude', 'latitude', 'altitude'];

/** A name for each column: its last step, and the steps before it while two would be the same. */
export function columnNames(columns: readonly Steps[]): string[] {
  const used = new Set<string>();
  return columns.map((all) => {
    const steps = namingSteps(all);
    let name = '';
    for (let from = nameFrom(steps); from >= 0; from--) {
      name = nameOf(steps.slice(from));
      if (!used.has(name)) break;
    }
    let free = name;
    for (let n = 2; used.has(free); n++) free = `${name}_${n}`;
    used.add(free);
    return free;
  });
}

/** The text of an XML element is named as the element is. */
export function namingSteps(steps: Steps): Steps {
  return steps.length > 1 && steps.at(-1) === '#text' ? steps.slice(0, -1) : steps;
}

/** A position in a list says nothing without the list's name. */
function nameFrom(steps: Steps): number {
  return Math.max(
    0,
    steps.findLastIndex((step) => typeof step === 'string'),
  );
}

function nameOf(steps: Steps): string {
  const [last, list] = [steps.at(-1), steps.at(-2)];
  // GeoJSON orders a position as longitude, latitude, altitude (RFC 7946).
  if (list === 'coordinates' && typeof last === 'number' && steps.length === 2)
    return axes[last] ?? snake(steps.join('_'));
  return snake(steps.join('_'));
}

/** At the start of a path these mean a part of the row. */
const partNames = new Set(['@column', '@cell', '@item', '@index']);

/** The path of a column as profiles write it: the shorthand when it says the same. */
export function pathOf(steps: Steps, csv: boolean): string {
  const plain = csv
    ? /^[^$@]/.test(String(steps[0]))
    : steps.every(
        (step, i) =>
          typeof step === 'number' ||
          (/^@?[^.[\]'"$@]+$/.test(step) && (i > 0 || (step.trim() === step && !partNames.has(step)))),
      );
  if (plain && csv) return String(steps[0]);
  if (plain)
    return steps.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `['${escaped(step)}']`)).join('')}`;
}

function escaped(name: string): string {
  return JSON.stringify(name).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
}
