// What a store cannot read back is a finding like any other, and what comes after it cannot be verified.
import { ChartlyError } from '#kit';
import type { VerifyContext } from './verify.ts';

/** Runs `verify`; turns a damaged store into findings. */
export async function naming(context: VerifyContext, verify: () => Promise<void>): Promise<void> {
  try {
    await verify();
  } catch (error) {
    const place = damagedPlace(error);
    if (place === undefined) throw error;
    const plane = place.startsWith('data part') ? 'canonical' : 'ledger';
    context.findings.add(plane, place, 'its bytes do not match their checksum; nothing that it holds can be verified');
    if (plane === 'ledger') await nameEntries(context);
  }
}

function damagedPlace(error: unknown): string | undefined {
  if (!(error instanceof ChartlyError && error.code === 'store_corrupt')) return undefined;
  return error.details[0]?.message ?? 'a store';
}

/** One by one, for a page that cannot be read holds several. */
async function nameEntries({ tenantId, relational, findings }: VerifyContext): Promise<void> {
  const [head] = await relational
    .query<{ size: string }>('select size from ledger_head where tenant_id = $1', [tenantId])
    .catch(() => []);
  for (let seq = 0n; seq < BigInt(head?.size ?? 0); seq++) {
    try {
      await relational.query('select leaf from ledger_entry where tenant_id = $1 and seq = $2', [
        tenantId,
        String(seq),
      ]);
    } catch (error) {
      if (damagedPlace(error) === undefined) throw error;
      findings.add('ledger', `ledger entry ${seq}`, 'cannot be read');
    }
  }
}
