// What `chartly init` writes: small, working, commented. A test applies and ingests it.

/** File name to text. `name` is the workspace's id. */
export function workspaceTemplate(name: string): Record<string, string> {
  return {
    'chartly.yaml': `# A Chartly workspace: sources say where data comes from, profiles how it becomes records, reports what is shown.
workspace: ${name}
title: My data
`,
    'sources/readings.yaml': `# A source: an upstream, and how it is read. This one reads files below the workspace.
source: readings
title: Temperature and humidity by station
connector: file
profile: readings            # the profile that maps its payloads
file:
  path: data/readings.csv    # a file, or a glob such as data/*.csv
# An upstream over HTTP looks like this:
# connector: http
# http:
#   url: https://api.example.com/v1/readings
#   auth: { type: bearer, token: "\${env:READINGS_TOKEN}" }
`,
    'profiles/readings.yaml': `# A profile: from rows to records, without code. Applied versions are immutable: after a change, raise the version.
profile: readings
version: 1.0.0
title: One row is two metrics
format: csv
timezone: UTC
records:
  - kind: metric
    name: temperature
    unit: Cel
    # What identifies a record, for ever: ingesting again adds nothing. One row gives two records here, so each names itself.
    key: [{ const: temperature }, station, time]
    ts: { path: time, format: iso }
    value: { path: temperature, min: -90, max: 60 }   # outside is quarantined, not lost
    dimensions:
      station: station
  - kind: metric
    name: humidity
    unit: "%"
    key: [{ const: humidity }, station, time]
    ts: { path: time, format: iso }
    value: { path: humidity, min: 0, max: 100 }
    dimensions:
      station: station
`,
    // A fixture: `chartly profile test` compares what the profile makes of the rows with what is expected.
    'profiles/readings.fixtures/two-rows.csv': `time,station,temperature,humidity
2026-01-01T00:00:00.000Z,hill,1.5,80
2026-01-01T01:00:00.000Z,hill,999,81
`,
    'profiles/readings.fixtures/two-rows.expected.json': `${JSON.stringify(
      {
        records: [
          { kind: 'metric', name: 'temperature', ts: '2026-01-01T00:00:00.000Z', value: 1.5, unit: 'Cel' },
          { name: 'humidity', value: 80, dimensions: { station: 'hill' } },
          { name: 'humidity', value: 81 },
        ],
        quarantined: [{ reason_code: 'value_out_of_range', rule: 'records[0].value', row: 1 }],
      },
      null,
      2,
    )}
`,
    'reports/readings.yaml': `# A report: queries, and charts over them (Vega-Lite 6 without \`data\`).
report: readings
title: Readings
sections:
  - id: temperature
    title: Temperature by hour
    query:
      kind: metric
      name: temperature
      bucket: hour
      group_by: [{ field: dimensions.station, as: station }]
      aggregates: [{ fn: avg, field: value, as: celsius }]
    chart:
      mark: { type: line, point: true }
      encoding:
        x: { field: bucket, type: temporal, title: null }
        y: { field: celsius, type: quantitative, title: "°C", scale: { zero: false } }
        color: { field: station, type: nominal, title: Station }
  - id: by-station
    title: By station
    query:
      kind: metric
      name: humidity
      group_by: [{ field: dimensions.station, as: station }]
      aggregates:
        - { fn: count, as: readings }
        - { fn: avg, field: value, as: humidity }
    table: true
`,
    'data/readings.csv': sampleCsv(),
    '.gitignore': `# The data directory of \`chartly\`.
.chartly/
`,
  };
}

/** Two days of two stations, and one reading that no thermometer gave: it ends in quarantine. */
function sampleCsv(): string {
  const lines = ['time,station,temperature,humidity'];
  for (let hour = 0; hour < 48; hour++) {
    const time = new Date(Date.UTC(2026, 0, 1, hour)).toISOString();
    for (const [station, offset] of [
      ['harbour', 0],
      ['hill', -3],
    ] as const) {
      const swing = Math.sin(((hour - 9) / 24) * 2 * Math.PI);
      const temperature = station === 'hill' && hour === 30 ? 999 : 4 + offset + 5 * swing;
      lines.push(`${time},${station},${temperature.toFixed(1)},${(80 - 15 * swing).toFixed(0)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
