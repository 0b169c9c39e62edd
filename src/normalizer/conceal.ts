import type { Policy, Profile } from '#contracts';
import { createDetect, type Detect } from './policy/detect.ts';
import { detectorNames, hintsOfName } from './policy/detector-names.ts';
import { redacted } from './policy/hide.ts';
import { isToken, readEncrypted } from './policy/sealed.ts';

/** Shows texts of records that another version made, as far as a policy lets them be seen. `field`: `name` or the name of a dimension. */
export type Concealer = (field: string, text: string) => string;

/**
 * For comparing what is with what a version with a policy would make of it: of fields that the policy hides nothing is shown, of others what
 * its detectors leave. Undefined for a profile without a policy.
 */
export function createConcealer({ policy }: Profile): Concealer | undefined {
  if (policy === undefined || typeof policy === 'string') return undefined;
  const denied = detectorNames.filter((detector) => policy.detectors?.[detector] !== 'allow');
  const detects = new Map<string, Detect>();
  return (field, text) => {
    const actions = actionsOf(policy, field);
    if (actions.length > 0 && actions.every((action) => action === 'allow')) return text;
    if (actions.some((action) => hiding.has(action)))
      return isToken(text) || readEncrypted(text) !== undefined ? text : 'hidden by the policy';
    let detect = detects.get(field);
    if (detect === undefined) {
      detect = createDetect({ detectors: denied, hints: hintsOfName(field), country: policy.country });
      detects.set(field, detect);
    }
    return redacted(text, detect(text), detect);
  };
}

const hiding = new Set(['mask', 'hash', 'tokenise', 'encrypt']);

/** Which rule made the record is not known: what the policy says of the field in any of them. */
function actionsOf(policy: Policy, field: string): string[] {
  const member = field === 'name' ? 'name' : `dimensions.${field}`;
  return Object.entries(policy.fields ?? {})
    .filter(([name]) => name.replace(/^records\[\d+\]\./, '') === member)
    .map(([, { action }]) => action);
}
