export type BreakerState = 'closed' | 'half_open' | 'open';
/** `neutral`: the call says nothing about the upstream's health (stopped by us, refused by a cap of ours). */
export type CallOutcome = 'success' | 'failure' | 'neutral';

export interface BreakerPolicy {
  /** Consecutive failures that open it. */
  failures: number;
  /** How long it stays open before one probe may pass, in ms. */
  openMs: number;
}

/** Closed until enough consecutive failures, then open for a while, then half-open: one probe decides. */
export interface Breaker {
  /** Milliseconds that a caller must stay away; 0 when it may pass. Changes nothing but open to half-open. */
  refusal(nowMs: number, policy: BreakerPolicy): number;
  /** A call goes out. Call only after `refusal` gave 0; true when this call is the probe. */
  enter(): boolean;
  /** A call ended. `probe` as `enter` gave it. */
  report(nowMs: number, outcome: CallOutcome, policy: BreakerPolicy, probe: boolean): void;
  state(): BreakerState;
  failures(): number;
}

/** While a probe is out, others look again after this long. */
const probeWaitMs = 1000;

/** `onChange` is told of every transition. */
export function createBreaker(onChange: (state: BreakerState) => void): Breaker {
  let state: BreakerState = 'closed';
  let failures = 0;
  let openedAt = 0;
  let probing = false;

  const become = (next: BreakerState) => {
    if (next === state) return;
    state = next;
    onChange(next);
  };

  return {
    refusal(nowMs, policy) {
      if (state === 'open') {
        const left = openedAt + policy.openMs - nowMs;
        if (left > 0) return left;
        become('half_open');
      }
      return state === 'half_open' && probing ? Math.min(policy.openMs, probeWaitMs) : 0;
    },
    enter() {
      if (state !== 'half_open') return false;
      probing = true;
      return true;
    },
    report(nowMs, outcome, policy, probe) {
      if (probe) probing = false;
      // A straggler that set out before the breaker opened must not close it, nor prolong it.
      if (state !== 'closed' && !probe) return;
      if (outcome === 'neutral') return;
      if (outcome === 'success') {
        failures = 0;
        return become('closed');
      }
      failures++;
      if (probe || failures >= policy.failures) {
        openedAt = nowMs;
        become('open');
      }
    },
    state: () => state,
    failures: () => failures,
  };
}
