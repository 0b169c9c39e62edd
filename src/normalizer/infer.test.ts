import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Profile } from '#contracts';
import { validator } from '#contracts';
import { inferProfile, preview, type Inference } from './index.ts';

const data = join(import.meta.dirname, '..', '..', 'node_modules', 'vega-datasets', 'data');

async function inferText(text: string, name = 'sample'): Promise<Inference> {
  return inferProfile({ open: () => bytesOf(text), name });
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe('real data', () => {
  it.each([
    'earthquakes.json',
    'stocks.csv',
    'co2-concentration.csv',
    'seattle-weather.csv',
    'us-employment.csv',
    'airports.csv',
    'flights-2k.json',
    'movies.json',
    'cars.json',
    'penguins.json',
    'gapminder.json',
    'birdstrikes.csv',
    'disasters.csv',
    'sp500.csv',
    'unemployment-across-industries.json',
    'weather.csv',
    'global-temp.csv',
    'iowa-electricity.csv',
    'obesity.json',
    'wheat.json',
    'barley.json',
  ])('%s', async (file) => {
    const open = () => createReadStream(join(data, file));
    const { profile, report, rows } = await inferProfile({ open, name: file.replace(/\.\w+$/, '') });
    const { counts, rejections } = await preview(profile, open, { keep: 100 });
    const r = profile.records[0]!;
    console.log(
      file,
      rows,
      JSON.stringify(counts),
      profile.records.length,
      JSON.stringify({
        ...r,
        dimensions: Object.keys(r.dimensions ?? {}).join(),
        measures: Object.keys(r.measures ?? {}).join(),
      }),
      report.sections.map((s) => s.id + ':' + s.query.bucket).join(),
      rejections[0]?.message,
    );
    expect(validator('profiles/profile')(profile)).toBe(true);
    expect(validator('reports/report')(report)).toBe(true);
  });
});
