import type { Detector } from '#contracts';
import { isCard } from './card.ts';
import { isBsn, isCodiceFiscale, isDni, isNino, isNir, isPersonnummer, isSsn, isSteuerId } from './national-ids.ts';

/** A number as it is written: groups of so many letters or digits, one and the same separator between them. */
export interface Shape {
  detector: Detector;
  groups: readonly number[];
  /** Separators that may stand between the groups. */
  seps?: string;
  /** Digits alone. */
  digits?: true;
  /** Too common a form: looked for only where a hint says so. */
  hinted?: true;
  /** What the number without separators, in upper case, must satisfy. */
  check: (text: string) => boolean;
}

const ssn = { detector: 'us_ssn', digits: true, check: isSsn } as const;
const card = { detector: 'card', digits: true, check: isCard } as const;
const nino = { detector: 'uk_nino', check: isNino } as const;
const steuerId = { detector: 'de_steuer_id', digits: true, check: isSteuerId } as const;
const nir = { detector: 'fr_nir', check: isNir } as const;
const dni = { detector: 'es_dni', check: isDni } as const;
const bsn = { detector: 'nl_bsn', digits: true, check: isBsn } as const;
const personnummer = { detector: 'se_personnummer', digits: true, check: isPersonnummer } as const;

export const shapes: readonly Shape[] = [
  ...[14, 15, 16, 19].map((length) => ({ ...card, groups: [length] })),
  { ...card, groups: [4, 4, 4, 4], seps: ' -' },
  { ...card, groups: [4, 4, 4, 4, 3], seps: ' -' },
  { ...card, groups: [4, 6, 5], seps: ' -' },
  { ...card, groups: [4, 6, 4], seps: ' -' },
  { ...nir, groups: [15] },
  { ...nir, groups: [13, 2], seps: ' ' },
  { ...nir, groups: [1, 2, 2, 2, 3, 3, 2], seps: ' .' },
  { detector: 'it_codice_fiscale', groups: [16], check: isCodiceFiscale },
  { ...dni, groups: [9] },
  { ...dni, groups: [8, 1], seps: '-' },
  { ...dni, groups: [1, 7, 1], seps: '-' },
  { ...nino, groups: [9] },
  { ...nino, groups: [2, 2, 2, 2, 1], seps: ' -' },
  { ...ssn, groups: [3, 2, 4], seps: '-' },
  { ...ssn, groups: [3, 2, 4], seps: ' ', hinted: true },
  { ...ssn, groups: [9], hinted: true },
  { ...steuerId, groups: [11] },
  { ...steuerId, groups: [2, 3, 3, 3], seps: ' ' },
  { ...personnummer, groups: [6, 4], seps: '-+' },
  { ...personnummer, groups: [8, 4], seps: '-' },
  { ...personnummer, groups: [10], hinted: true },
  { ...personnummer, groups: [12], hinted: true },
  { ...bsn, groups: [9], hinted: true },
  { ...bsn, groups: [3, 3, 3], seps: '. ', hinted: true },
];
