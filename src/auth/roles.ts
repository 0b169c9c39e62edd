import { ChartlyError } from '#kit';
import type { Action, Principal, Role } from './index.ts';

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
const needed: Record<Action, Role> = { read: 'viewer', operate: 'operator', administer: 'admin' };

/** True for the names of roles. */
export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && Object.hasOwn(rank, value);
}

/** Refuses, with `forbidden`, what the principal's role does not cover; an unknown role or action covers nothing. */
export function authorize(principal: Principal, action: Action): void {
  const role = needed[action];
  if (isRole(principal.role) && role !== undefined && rank[principal.role] >= rank[role]) return;
  throw new ChartlyError(
    'forbidden',
    `This needs the role ${role ?? 'admin'}; the key has the role ${principal.role}.`,
  );
}
