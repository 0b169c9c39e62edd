// What each source of the demo must give, computed from the data files by plain code that shares nothing with the pipeline.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const dataDir = join(import.meta.dirname, '../../node_modules/vega-datasets/data');
const read = (name: string): string => readFileSync(join(dataDir, name), 'utf8');

export interface Expected {
  rows: number;
  /** Live records in the canonical plane. */
  records: number;
  /** Rows or candidates that fail at least one rule. */
  quarantined: number;
  deduplicated: number;
  /** Rows of the quarantine table: one for each failing candidate and rule. */
  quarantineRows: number;
}

const clean = (rows: number, perRow = 1): Expected => ({
  rows,
  records: rows * perRow,
  quarantined: 0,
  deduplicated: 0,
  quarantineRows: 0,
});

/** Lines of a CSV file without quoted line breaks, less its header. */
function csvRows(name: string): number {
  return read(name).trimEnd().split('\n').length - 1;
}

interface Movie {
  Title: string | number | null;
  'Release Date': string;
  'IMDB Rating': number | null;
  'US Gross': number | null;
  'Worldwide Gross': number | null;
}

function movies(): Expected {
  const rows = JSON.parse(read('movies.json')) as Movie[];
  let quarantined = 0;
  let quarantineRows = 0;
  for (const movie of rows) {
    const rating = movie['IMDB Rating'];
    const year = Number(movie['Release Date'].slice(-4));
    const failures = [
      movie.Title === null || String(movie.Title).trim() === '',
      rating === null || rating < 1 || rating > 10,
      movie['US Gross'] === null || movie['US Gross'] < 0,
      movie['Worldwide Gross'] === null || movie['Worldwide Gross'] < 0,
      year < 1910 || year >= 2013,
    ].filter(Boolean).length;
    if (failures > 0) quarantined += 1;
    quarantineRows += failures;
  }
  return { rows: rows.length, records: rows.length - quarantined, quarantined, deduplicated: 0, quarantineRows };
}

/** By source. Employment has 22 sectors and one change a month; weather four readings a day; CO2 two series. */
export const expected: Record<string, Expected> = {
  earthquakes: clean((JSON.parse(read('earthquakes.json')) as { features: unknown[] }).features.length),
  stocks: clean(csvRows('stocks.csv')),
  co2: clean(csvRows('co2-concentration.csv'), 2),
  weather: clean(csvRows('seattle-weather.csv'), 4),
  employment: clean(csvRows('us-employment.csv'), 23),
  airports: clean(csvRows('airports.csv')),
  flights: clean((JSON.parse(read('flights-5k.json')) as unknown[]).length),
  movies: movies(),
};
