import type { ProfileChoice } from '#orchestrator';

/** A profile as a body names it: registered, or as it stands there. */
export function choiceOf(body: {
  applied?: string;
  profile?: Extract<ProfileChoice, { profile: unknown }>['profile'];
}): ProfileChoice | undefined {
  if (body.profile !== undefined) return { profile: body.profile };
  return body.applied === undefined ? undefined : { applied: body.applied };
}
