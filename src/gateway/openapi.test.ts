import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { schemas } from '#contracts';
import type { GatewayDeps } from './deps.ts';
import { openApiDocument } from './openapi.ts';
import { sourceRoutes } from './routes-sources.ts';
import { reportRoutes } from './routes-reports.ts';
import { keyRoutes } from './routes-keys.ts';

// Declaring routes asks nothing of the services.
const none = {} as GatewayDeps;
const document = openApiDocument([...sourceRoutes(none), ...reportRoutes(none), ...keyRoutes(none)], '1.2.3');

it('is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

it('holds every contract once, and every reference leads to one', () => {
  const { components } = document as { components: { schemas: Record<string, object> } };
  const titles = Object.values(schemas)
    .filter((schema) => 'type' in schema)
    .map((schema) => (schema as { title: string }).title);
  expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(titles));
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
  expect(refs.length).toBeGreaterThan(50);
  for (const ref of refs) {
    const target = ref
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], document);
    expect(target, ref).toBeTypeOf('object');
  }
  expect(JSON.stringify(document)).not.toContain('chartly.example');
});
