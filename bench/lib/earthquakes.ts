import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Profile } from '#contracts';

const places = [
  '4km W of Castaic, CA',
  '12km SSE of Volcano, Hawaii',
  '59km E of Anchorage, Alaska',
  '8km NW of The Geysers, California',
];
const networks = ['ci', 'nc', 'ak', 'hv', 'us'];

/** One row in the shape of a USGS earthquake feature (about 700 bytes), a function of its number. */
export function earthquakeRow(n: number): string {
  const time = 1_500_000_000_000 + n * 37_123;
  const code = 10_000_000 + n;
  const net = networks[n % networks.length]!;
  const magnitude = ((n * 7919) % 700) / 100;
  const place = places[n % places.length]!;
  return (
    `{"type":"Feature","properties":{"mag":${magnitude},"place":"${place}","time":${time},"updated":${time + 222_463},"tz":-480,` +
    `"url":"https://earthquake.usgs.gov/earthquakes/eventpage/${net}${code}","detail":"https://earthquake.usgs.gov/earthquakes/feed/v1.0/detail/${net}${code}.geojson",` +
    `"felt":null,"cdi":null,"mmi":null,"alert":null,"status":"automatic","tsunami":0,"sig":${n % 900},"net":"${net}","code":"${code}","ids":",${net}${code},",` +
    `"sources":",${net},","types":",geoserve,nearby-cities,origin,phase-data,scitech-link,","nst":${n % 60},"dmin":0.04214,"rms":0.35,"gap":${n % 360},` +
    `"magType":"ml","type":"earthquake","title":"M ${magnitude} - ${place}"},` +
    `"geometry":{"type":"Point","coordinates":[${-118 - (n % 1000) / 997},${34 + (n % 1000) / 991},${(n % 5000) / 100}]},"id":"${net}${code}"}`
  );
}

/** Writes `rows` lines to a file and returns its size in bytes. */
export async function writeEarthquakes(path: string, rows: number): Promise<number> {
  const out = createWriteStream(path);
  for (let n = 0; n < rows; n += 1000) {
    let block = '';
    for (let i = n; i < Math.min(n + 1000, rows); i += 1) block += `${earthquakeRow(i)}\n`;
    if (!out.write(block)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  return out.bytesWritten;
}

export const earthquakeProfile: Profile = {
  profile: 'bench',
  version: '1.0.0',
  format: 'ndjson',
  records: [
    {
      kind: 'event',
      name: { path: 'properties.type' },
      key: ['id'],
      ts: { path: 'properties.time', cast: 'epoch_ms' },
      dimensions: {
        place: 'properties.place',
        network: 'properties.net',
        magnitude_type: 'properties.magType',
      },
      measures: {
        magnitude: { path: 'properties.mag', required: true },
        longitude: 'geometry.coordinates[0]',
        latitude: 'geometry.coordinates[1]',
        depth_km: 'geometry.coordinates[2]',
      },
    },
  ],
};
