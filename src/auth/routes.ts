import { check, rpcService, type MethodTable, type RpcService } from '#kit';
import type { Auth } from './index.ts';

const { text } = check;

/** `authorize` needs nothing but its arguments: it runs where it is asked. */
type AuthCalls = Omit<Auth, 'authorize'>;

/** How authentication is called from other processes. */
export const authMethods: MethodTable<AuthCalls> = {
  createKey: {
    args: [text, text, check.members({ name: text, role: check.oneOf('admin', 'operator', 'viewer') })],
    repeatable: false,
  },
  revokeKey: { args: [text, text, text], repeatable: true },
  listKeys: { args: [text], repeatable: true },
  authenticate: { args: [text], repeatable: true },
};

/** Serves the authentication of this process to others. */
export const authRoutes = (auth: Auth): RpcService => rpcService<AuthCalls>('auth', authMethods, auth);
