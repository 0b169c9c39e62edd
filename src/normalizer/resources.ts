import { hash } from 'node:crypto';
import type { Profile } from '#contracts';
import type { KeyStore } from '#storage';
import type { BatchFrame } from './contract-check.ts';
import { createLookupLoader, type LookupDeps, type Lookups, type Reading } from './lookup-resources.ts';
import type { Vault } from './sealing.ts';

/** What mapping needs besides the payload and the profile: plain data, gathered beforehand, that can go to another thread. */
export interface Resources {
  /** The tenant's secret, when the profile has a policy. */
  policySecret?: Uint8Array;
  /** Tables, when the profile looks values up. */
  lookups?: Lookups | undefined;
}

export interface ResourceDeps extends LookupDeps {
  keys: KeyStore;
}

/** Gathers what mapping one payload needs. Errors: those of the key store, and of LoadLookups. */
export type LoadResources = (frame: BatchFrame, reading: Reading) => Promise<Resources>;

/** A loader for the payloads of one task. */
export function createLoader(deps: ResourceDeps, profile: Profile): LoadResources {
  const loadLookups = createLookupLoader(deps, profile);
  return async (frame, reading) => {
    const secret = profile.policy === undefined ? undefined : await deps.keys.tenantSecret(frame.tenantId);
    const lookups = await loadLookups(frame, reading);
    return {
      ...(secret === undefined ? {} : { policySecret: new Uint8Array(secret) }),
      ...(lookups === undefined ? {} : { lookups }),
    };
  };
}

/** The key store as mapping asks it. */
export function vaultOf(keys: KeyStore, tenantId: string): Vault {
  return {
    subjectKeys: (subjects) => keys.subjectKeys(tenantId, subjects),
    keepTokens: (tokens) => keys.keepTokens(tenantId, tokens),
  };
}

/** For a preview: subjects get the keys that a run would give them, so that its values are those of the run; tokens are not kept. */
export function previewVault(keys: KeyStore, tenantId: string): Vault {
  return { ...vaultOf(keys, tenantId), keepTokens: async () => {} };
}

/** Without an installation: values are hidden by a key that everyone knows, so that fixtures are the same everywhere. For tests of profiles alone. */
export function fixtureKeys(): { resources: Resources; vault: Vault } {
  const keyOf = (name: string): Uint8Array => hash('sha256', `chartly profile test ${name}`, 'buffer');
  return {
    resources: { policySecret: keyOf('tenant') },
    vault: { subjectKeys: async (subjects) => subjects.map(keyOf), keepTokens: async () => {} },
  };
}
