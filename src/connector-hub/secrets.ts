/**
 * References to secrets, `${env:NAME}` and `${file:PATH}`, resolved when a page is fetched and held no longer than that.
 * What was resolved can be put back to its reference in any text that is to be kept.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ChartlyError } from '#kit';

const reference = /\$\{(env|file):([^}]+)\}/g;
/** Values shorter than this are no secrets, and would be found by chance everywhere. */
const shortestConcealed = 4;

export interface Secrets {
  /** The text with every reference replaced. Errors: `secret_missing`, naming the reference. */
  resolve(text: string): Promise<string>;
  /** Puts the references back in place of the values resolved so far, plain or percent-encoded. */
  conceal(text: string): string;
  /** Undoes `conceal` in a URL. Knows only references that this object has resolved: a text from outside cannot name others. */
  revealUrl(text: string): string;
}

export interface SecretsOptions {
  env: Record<string, string | undefined>;
  /** Relative `${file:PATH}` start here. */
  dir: string;
}

/** One object for one fetch task. */
export function createSecrets({ env, dir }: SecretsOptions): Secrets {
  const known = new Map<string, string>();

  const read = async (match: string, kind: string, name: string): Promise<string> => {
    const value = kind === 'env' ? env[name] : await readSecretFile(resolve(dir, name));
    if (value === undefined || value === '') {
      const what = kind === 'env' ? `The variable ${name} is not set` : `The file ${name} cannot be read or is empty`;
      throw new ChartlyError('secret_missing', `${what}; the source refers to it as ${match}.`);
    }
    known.set(match, value);
    return value;
  };

  return {
    async resolve(text) {
      let out = '';
      let from = 0;
      for (const found of text.matchAll(reference)) {
        out += text.slice(from, found.index) + (await read(found[0], found[1]!, found[2]!));
        from = found.index + found[0].length;
      }
      return out + text.slice(from);
    },
    conceal(text) {
      const forms = new Map<string, string>();
      for (const [ref, value] of known) for (const form of formsOf(value)) forms.set(form, ref);
      if (forms.size === 0) return text;
      const longestFirst = [...forms.keys()].toSorted((a, b) => b.length - a.length);
      return text.replace(new RegExp(longestFirst.map(escapeRegExp).join('|'), 'g'), (form) => forms.get(form)!);
    },
    revealUrl: (text) =>
      text.replace(reference, (match, _kind: string, _name: string, at: number) => {
        const value = known.get(match);
        if (value === undefined) return match;
        // Scheme, host and port must not be percent-encoded; a value in path or query must be.
        return /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)?$/i.test(text.slice(0, at)) ? value : encodeURIComponent(value);
      }),
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

function formsOf(value: string): string[] {
  if (value.length < shortestConcealed) return [];
  const form = new URLSearchParams({ v: value }).toString().slice(2);
  const inQuery = new URL(`http://h/?${value}`).search.slice(1);
  return [...new Set([value, encodeURIComponent(value), encodeURI(value), form, inQuery])].filter(
    (text) => text.length >= shortestConcealed,
  );
}

async function readSecretFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch {
    return undefined;
  }
}
