import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { allMetrics } from './all-metrics.ts';

it('puts the metrics of all processes together, by metric, and says who did not answer', async () => {
  const body = '# HELP a Of a.\n# TYPE a counter\na{x="1"} 2\n# HELP b Of b.\n# TYPE b gauge\nb 3\n';
  const server = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const own = { contentType: 'text/plain', body: '# HELP a Of a.\n# TYPE a counter\na{x="1"} 1\n' };
  const all = await allMetrics(own, [url, 'http://127.0.0.1:1']);
  server.close();
  const process = `process="${new URL(url).host}"`;
  expect(all.body.split('\n').filter((line) => line !== '' && !line.includes('process_up'))).toEqual([
    '# HELP a Of a.',
    '# TYPE a counter',
    'a{x="1"} 1',
    `a{x="1",${process}} 2`,
    '# HELP b Of b.',
    '# TYPE b gauge',
    `b{${process}} 3`,
  ]);
  expect(all.body).toContain(`chartly_process_up{${process}} 1\n`);
  expect(all.body).toContain('chartly_process_up{process="127.0.0.1:1"} 0\n');
});
