/**
 * Who may do what. API keys are random, shown once, stored as SHA-256; comparisons run in constant time.
 * The tenant comes from the credential, never from the request.
 */
export type Role = 'admin' | 'operator' | 'viewer';

/** viewer reads; operator also ingests, applies and repairs; admin also manages keys. */
export type Action = 'read' | 'operate' | 'administer';

export interface Principal {
  tenantId: string;
  keyId: string;
  name: string;
  role: Role;
}

export interface KeyInfo {
  keyId: string;
  name: string;
  role: Role;
  createdAt: string;
  revokedAt: string | undefined;
}

export interface Auth {
  /** The secret (`chk_…`) is returned here and nowhere again. The ledger gets an entry. */
  createKey(
    tenantId: string,
    actor: string,
    options: { name: string; role: Role },
  ): Promise<{ key: KeyInfo; secret: string }>;
  /** Errors: `not_found`. A revoked key is refused within 5 s by every process. */
  revokeKey(tenantId: string, actor: string, keyId: string): Promise<void>;
  listKeys(tenantId: string): Promise<KeyInfo[]>;
  /** Errors: `unauthorized`, with the same text for a malformed, unknown or revoked secret. */
  authenticate(secret: string): Promise<Principal>;
  /** Errors: `forbidden`. */
  authorize(principal: Principal, action: Action): void;
}

export { createAuth } from './auth.ts';
export { createRemoteAuth } from './remote.ts';
export { authRoutes } from './routes.ts';
