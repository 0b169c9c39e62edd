import { createHmac } from 'node:crypto';
import { ChartlyError } from '#kit';
import { isWhole } from './roles.ts';
import type { Config } from './config.ts';
import { dereference } from './reference.ts';

const variable = 'CHARTLY_SERVICE_SECRET';
const fewest = 32;

/** What the processes of an installation show each other; undefined when this one is alone. Errors: `config_invalid`, `secret_missing`. */
export async function readServiceSecret(
  env: Record<string, string | undefined>,
  { roles }: Pick<Config, 'roles'>,
): Promise<string | undefined> {
  const given = env[variable];
  const secret = given ? await dereference(variable, given, env) : undefined;
  const action = `Make one with \`openssl rand -base64 32\`, and give it to all processes as ${variable}=\${file:PATH} or \${env:NAME}.`;
  if (secret !== undefined && secret.length < fewest) {
    throw new ChartlyError('config_invalid', `${variable} must be at least ${fewest} characters long.`, { action });
  }
  if (secret === undefined && !isWhole(roles)) {
    throw new ChartlyError('config_invalid', `Services in several processes need a secret: ${variable} is not set.`, {
      action,
    });
  }
  return secret;
}

/** The password of the embedded canonical engine that several processes use: each of them can tell it. */
export function canonicalPassword(secret: string): string {
  return createHmac('sha256', secret).update('chartly canonical engine').digest('base64url');
}
