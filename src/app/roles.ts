/** The nine services, and which process runs which of them. */
import { ChartlyError } from '#kit';

export const everyRole = [
  'gateway',
  'orchestrator',
  'connector-hub',
  'normalizer',
  'analytics',
  'auth',
  'audit',
  'observer',
  'storage',
] as const;

export type Role = (typeof everyRole)[number];

/** Which services a service calls. */
const calls: Record<Role, readonly Role[]> = {
  gateway: ['auth', 'orchestrator', 'connector-hub', 'normalizer', 'analytics', 'audit'],
  orchestrator: ['connector-hub', 'normalizer', 'analytics', 'audit'],
  'connector-hub': ['audit'],
  normalizer: ['audit'],
  analytics: ['audit'],
  auth: ['audit'],
  audit: [],
  observer: [],
  storage: [],
};

export function isRole(text: string): text is Role {
  return (everyRole as readonly string[]).includes(text);
}

/** Roles with commas between. Errors: `usage`. */
export function parseRoles(text: string): Role[] {
  const asked = [...new Set(text.split(',').map((role) => role.trim()))];
  const unknown = asked.filter((role) => !isRole(role));
  if (unknown.length > 0) {
    throw new ChartlyError('usage', `There is no role ${unknown.join(', ')}.`, {
      action: `Choose from ${everyRole.join(', ')}.`,
    });
  }
  return everyRole.filter((role) => asked.includes(role));
}

/** The services in other processes that these roles call. */
export function calledElsewhere(roles: readonly Role[]): Role[] {
  const called = new Set(roles.flatMap((role) => calls[role]));
  return everyRole.filter((role) => called.has(role) && !roles.includes(role));
}

/** Whether the process runs everything itself. */
export function isWhole(roles: readonly Role[]): boolean {
  return everyRole.every((role) => roles.includes(role));
}

/** The variable that says where processes with a role are called. */
export function urlVariable(role: Role): string {
  return `CHARTLY_${role.replaceAll('-', '_').toUpperCase()}_URL`;
}
