import type { RowPlace } from '#formats';
import type { KeptToken, CanonicalRecord } from '#storage';
import type { CompiledPolicy, Sealing } from './policy.ts';
import { type SubjectCipher, subjectCipher } from './policy/keyed.ts';
import { encryptedText, tokenContext, valueContext } from './policy/sealed.ts';
import type { Candidate } from './record-rule.ts';
import type { CandidateSink } from './row-reader.ts';

/** What sealing asks of whoever keeps the keys, in one call for many subjects. Plain data, so that another thread can answer. */
export interface Vault {
  /** Keys (32 bytes) of subjects in the order given; undefined for one who was erased. */
  subjectKeys(subjects: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Keeps what tokens stand for, before a record with them is written. */
  keepTokens(tokens: readonly KeptToken[]): Promise<void>;
}

export interface SealingSink extends CandidateSink {
  /** Enough is held to be worth a call. */
  readonly full: boolean;
  /** Seals what is held, and hands it on in the order in which it came. */
  flush(): Promise<void>;
}

/** Bounds of what is held: candidates, and characters of their text. */
const heldCandidates = 4096;
const heldWeight = 4 << 20;
/** Ciphers and tokens remembered, so that a payload asks once for each. */
const remembered = 16_384;

/**
 * Holds candidates back until the keys of their subjects are known, encrypts, and hands them on: whatever hashes, validates or writes
 * records never sees the plain text. Candidates of erased subjects become failures.
 */
export function createSealing(next: CandidateSink, { sealing, keys }: CompiledPolicy, vault: Vault): SealingSink {
  let held: (() => void)[] = [];
  let waiting: Sealing[] = [];
  let candidates = 0;
  let weightHeld = 0;
  const ciphers = new Map<string, SubjectCipher | undefined>([['', keys.vault]]);
  const kept = new Set<string>();

  async function learnKeys(): Promise<void> {
    if (ciphers.size > remembered) {
      ciphers.clear();
      ciphers.set('', keys.vault);
    }
    const unknown = new Set<string>();
    for (const { subject } of waiting) if (!ciphers.has(subject)) unknown.add(subject);
    if (unknown.size === 0) return;
    const subjects = [...unknown];
    const found = await vault.subjectKeys(subjects);
    subjects.forEach((subject, i) => {
      const key = found[i];
      ciphers.set(subject, key === undefined ? undefined : subjectCipher(key));
    });
  }

  async function keepTokens(): Promise<void> {
    if (kept.size > remembered) kept.clear();
    const tokens: KeptToken[] = [];
    for (const { subject, tokens: own } of waiting) {
      const cipher = ciphers.get(subject);
      if (cipher === undefined) continue;
      for (const { token, text } of own) {
        const id = `${token} ${subject}`;
        if (kept.has(id)) continue;
        kept.add(id);
        tokens.push({ token, subject, sealed: cipher.encrypt(text, tokenContext) });
      }
    }
    if (tokens.length > 0) await vault.keepTokens(tokens);
  }

  function sealed(candidate: Candidate): Candidate {
    const about = sealing.get(candidate as CanonicalRecord);
    if (about === undefined) return candidate;
    const cipher = ciphers.get(about.subject);
    return cipher === undefined ? [about.erased] : sealedRecord(candidate as CanonicalRecord, about, cipher);
  }

  return {
    get full() {
      return candidates >= heldCandidates || weightHeld >= heldWeight;
    },
    candidates(out, place: RowPlace, weight) {
      const own = [...out];
      for (const candidate of own) {
        const about = sealing.get(candidate as CanonicalRecord);
        if (about !== undefined) waiting.push(about);
      }
      candidates += own.length;
      weightHeld += weight;
      held.push(() => next.candidates(own.map(sealed), place, weight));
    },
    fault(reason, place, message) {
      candidates++;
      held.push(() => next.fault(reason, place, message));
    },
    async flush() {
      await learnKeys();
      await keepTokens();
      for (const hand of held) hand();
      held = [];
      waiting = [];
      candidates = 0;
      weightHeld = 0;
    },
  };
}

function sealedRecord(record: CanonicalRecord, { subject, encrypt }: Sealing, cipher: SubjectCipher): CanonicalRecord {
  const { dimensions } = record;
  for (const name of encrypt)
    dimensions[name] = encryptedText(subject, cipher.encrypt(dimensions[name]!, valueContext));
  return record;
}
