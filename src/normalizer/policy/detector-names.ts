import type { Detector } from '#contracts';

/** In this order: of two findings at one place the first named here is kept. */
export const detectorNames: readonly Detector[] = [
  'email',
  'iban',
  'card',
  'fr_nir',
  'it_codice_fiscale',
  'es_dni',
  'uk_nino',
  'us_ssn',
  'de_steuer_id',
  'se_personnummer',
  'nl_bsn',
  'phone',
  'ip',
  'date_of_birth',
  'mrn',
  'icd10',
];

/** In plain words, for messages. */
export const detectorTitles: Record<Detector, string> = {
  email: 'an e-mail address',
  iban: 'an IBAN',
  card: 'a payment card number',
  fr_nir: 'a French social security number (NIR)',
  it_codice_fiscale: 'an Italian codice fiscale',
  es_dni: 'a Spanish DNI or NIE',
  uk_nino: 'a UK National Insurance number',
  us_ssn: 'a US social security number',
  de_steuer_id: 'a German Steuer-ID',
  se_personnummer: 'a Swedish personnummer',
  nl_bsn: 'a Dutch BSN',
  phone: 'a phone number',
  ip: 'an IP address',
  date_of_birth: 'a date of birth',
  mrn: 'a medical record number',
  icd10: 'a diagnosis code (ICD-10)',
};

const words: readonly (readonly [Detector, RegExp])[] = [
  ['phone', /^(?:phone|phones|telephone|tel|mobile|cell|cellphone|fax|msisdn|handy|telefon)$/],
  ['date_of_birth', /^(?:dob|birthdate|birthday|birth|born|geburtsdatum|geburtstag|dateofbirth)$/],
  ['mrn', /^(?:mrn|medicalrecord|medicalrecordnumber)$/],
  ['icd10', /^(?:icd|icd10|diagnosis|diagnoses|dx)$/],
  ['us_ssn', /^(?:ssn|socialsecurity)$/],
  ['nl_bsn', /^bsn$/],
  ['se_personnummer', /^(?:personnummer|personnr|pnr)$/],
  ['card', /^(?:card|cardnumber|creditcard|pan|ccnumber|cc)$/],
  ['de_steuer_id', /^(?:steuerid|idnr|steueridentifikationsnummer)$/],
];

/** What a field's name says that it may hold: `home_phone` a phone number, `patientDob` a date of birth. */
export function hintsOfName(name: string): Detector[] {
  const parts = name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((part) => part !== '')
    .slice(0, 16);
  const pairs = parts.flatMap((_, i) => [parts[i]!, parts.slice(i, i + 2).join(''), parts.slice(i, i + 3).join('')]);
  return words.filter(([, word]) => pairs.some((pair) => word.test(pair))).map(([detector]) => detector);
}
