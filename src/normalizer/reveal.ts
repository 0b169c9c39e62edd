import type { Audit } from '#audit';
import { ChartlyError, newUuid, type RequestContext } from '#kit';
import type { KeyStore } from '#storage';
import { subjectCipher, tenantKeys } from './policy/keyed.ts';
import { isToken, readEncrypted, tokenContext, valueContext } from './policy/sealed.ts';

/** What an encrypted value or a token stands for. The ledger says who asked and why before it is told; never the value. */
export async function reveal(
  { keys, audit }: { keys: KeyStore; audit: Audit },
  { tenantId, actor }: RequestContext,
  protectedText: string,
  reason: string,
): Promise<string> {
  const encrypted = readEncrypted(protectedText);
  if (encrypted === undefined && !isToken(protectedText)) {
    throw new ChartlyError('validation_failed', 'This is neither an encrypted value nor a token of a policy.', {
      action:
        'Give the text as it stands in the record: `enc1.…` or `tok_…`. Hashed and masked values cannot be read again.',
    });
  }
  const value =
    encrypted === undefined
      ? await ofToken(keys, tenantId, protectedText)
      : await decrypted(keys, tenantId, encrypted.subject, encrypted.sealed, valueContext);
  if (value === undefined)
    throw new ChartlyError('not_found', 'The key of this value was destroyed, or was never here.');
  await audit.append([
    {
      tenantId,
      actor,
      action: 'value.revealed',
      resource: encrypted === undefined ? `token:${protectedText}` : `subject:${encrypted.subject}`,
      outcome: 'succeeded',
      details: { reason },
      dedupeKey: `value.revealed:${newUuid()}`,
    },
  ]);
  return value;
}

async function ofToken(keys: KeyStore, tenantId: string, token: string): Promise<string | undefined> {
  for (const { subject, sealed } of await keys.tokens(tenantId, token)) {
    const value = await decrypted(keys, tenantId, subject, sealed, tokenContext);
    if (value !== undefined) return value;
  }
  return undefined;
}

async function decrypted(
  keys: KeyStore,
  tenantId: string,
  subject: string,
  sealed: string,
  context: string,
): Promise<string | undefined> {
  if (subject === '') return tenantKeys(await keys.tenantSecret(tenantId)).vault.decrypt(sealed, context);
  const key = await keys.subjectKey(tenantId, subject);
  return key === undefined ? undefined : subjectCipher(key).decrypt(sealed, context);
}
