// The engine's own loads of the same rows into a table like `records`: the references of bench/pipeline.ts.
// `source`: the NDJSON that the pipeline read, mapped in SQL. `mapped`: NDJSON of rows that are mapped already.
// A process of its own, because chDB holds its directory until its process ends. usage: engine-load.ts DIRECTORY NDJSON
import { Session } from 'chdb';

const [directory, file] = process.argv.slice(2);
const session = new Session(directory);

const columns =
  'tenant_id, source_id, kind, name, ts, record_id, dimensions, measures, record_hash, raw_sha256, profile_id, profile_version, revision';

function load(table: string, select: string): { rows: number; seconds: number } {
  session.query(`CREATE TABLE ${table} AS records`);
  const started = performance.now();
  session.query(`INSERT INTO ${table} (${columns}) ${select}`);
  const seconds = (performance.now() - started) / 1000;
  return { rows: Number(session.query(`SELECT count() FROM ${table}`, 'TabSeparated').trim()), seconds };
}

const source = load(
  'reference_source',
  `SELECT 'default', 'bench', 'event', properties.type, fromUnixTimestamp64Milli(properties.time, 'UTC'),
     substring(SHA256(id), 1, 16),
     map('place', properties.place, 'network', properties.net, 'magnitude_type', properties.magType),
     map('magnitude', properties.mag, 'longitude', geometry.coordinates[1], 'latitude', geometry.coordinates[2],
         'depth_km', geometry.coordinates[3]),
     SHA256(id), SHA256('payload'), 'bench', '1.0.0', 1
   FROM file('${file}', 'JSONEachRow',
     'id String, properties Tuple(mag Float64, place String, time Int64, net String, magType String, type String), geometry Tuple(coordinates Array(Float64))')`,
);

session.query(`INSERT INTO FUNCTION file('${file}.mapped', 'JSONEachRow')
  SELECT tenant_id, source_id, kind, name, toUnixTimestamp64Milli(ts) AS ts, hex(record_id) AS record_id, dimensions, measures,
    hex(record_hash) AS record_hash, hex(raw_sha256) AS raw_sha256, profile_id, profile_version, revision FROM reference_source`);
const mapped = load(
  'reference_mapped',
  `SELECT tenant_id, source_id, kind, name, fromUnixTimestamp64Milli(ts, 'UTC'), unhex(record_id), dimensions, measures,
     unhex(record_hash), unhex(raw_sha256), profile_id, profile_version, revision
   FROM file('${file}.mapped', 'JSONEachRow',
     'tenant_id String, source_id String, kind String, name String, ts Int64, record_id String, dimensions Map(String, String), measures Map(String, Float64), record_hash String, raw_sha256 String, profile_id String, profile_version String, revision UInt64')`,
);
process.stdout.write(JSON.stringify({ source, mapped }));
