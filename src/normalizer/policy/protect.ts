/** What a policy makes of the texts of one field. */
import type { Detector, FieldPolicy, Policy } from '#contracts';
import { createDetect, type Detect, type Finding } from './detect.ts';
import { detectorNames, detectorTitles, hintsOfName } from './detector-names.ts';
import { maskValue, redacted } from './hide.ts';
import type { TenantKeys } from './keyed.ts';

/** A text as it may be stored; or what was found in it that may not. */
export type Protect = (text: string) => string | Violation;

export class Violation {
  /** Says what was found, never the value. */
  readonly message: string;
  constructor(detector: Detector) {
    this.message = `The field holds ${detectorTitles[detector]}, which the policy does not let through.`;
  }
}

/** The protection of a field that a policy names, by one of the actions that need no key of a subject. Undefined: nothing is to be done. */
export function protectField(name: string, rule: FieldPolicy, policy: Policy, keys: TenantKeys): Protect | undefined {
  const { contains } = rule;
  const country = rule.country ?? policy.country;
  const detect = createDetect({ hints: [...hintsOfName(name), ...(contains ?? [])], country });
  switch (rule.action) {
    case 'allow':
      return undefined;
    case 'deny':
      return denying(detect, () => 'deny');
    case 'redact':
      return (text) => {
        const findings = detect(text);
        return findings.length === 0 ? text : redacted(text, findings, detect);
      };
    case 'mask':
      return (text) => maskValue(text, rule.keep_last ?? 4, detect);
    case 'hash':
      return (text) => keys.hash(text).slice(0, 32);
    case 'tokenise':
    case 'encrypt':
      throw new Error('these values are sealed, not protected');
  }
}

/** The protection of a field that a policy does not name. Undefined when the policy lets everything through. */
export function protectUndeclared(name: string, policy: Policy): Protect | undefined {
  const action = (detector: Detector): 'deny' | 'redact' | 'allow' => policy.detectors?.[detector] ?? 'deny';
  const detectors = detectorNames.filter((detector) => action(detector) !== 'allow');
  if (detectors.length === 0) return undefined;
  return denying(createDetect({ detectors, hints: hintsOfName(name), country: policy.country }), action);
}

function denying(detect: Detect, action: (detector: Detector) => 'deny' | 'redact' | 'allow'): Protect {
  return (text) => {
    const findings: readonly Finding[] = detect(text);
    if (findings.length === 0) return text;
    const denied = findings.find(({ detector }) => action(detector) === 'deny');
    return denied === undefined ? redacted(text, findings, detect) : new Violation(denied.detector);
  };
}
