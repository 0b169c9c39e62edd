import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ChartlyError } from '#kit';

/** What a variable stands for: a reference `${env:NAME}` or `${file:PATH}` is followed, any other text is itself. Errors: `secret_missing`. */
export async function dereference(
  variable: string,
  text: string,
  env: Record<string, string | undefined>,
): Promise<string> {
  const reference = /^\$\{(env|file):([^}]+)\}$/.exec(text.trim());
  if (reference === null) return text.trim();
  const [whole, kind, name] = reference;
  const value = kind === 'env' ? env[name!] : await readFile(resolve(name!), 'utf8').catch(() => undefined);
  if (value) return value.trim();
  throw new ChartlyError('secret_missing', `${variable} refers to ${whole}, and there is nothing.`);
}
