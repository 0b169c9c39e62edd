import type { System } from './compose.ts';

/** Real ids of what the demo ingested, to go on from. */
export interface DemoSamples {
  /** The strongest earthquake. */
  record?: { id: string; place: string; magnitude: number };
  /** A movie that was refused. */
  quarantinedId?: string;
}

export async function findSamples(system: System, tenantId: string): Promise<DemoSamples> {
  const [strongest, refused] = await Promise.all([
    system.analytics.query(tenantId, {
      kind: 'event',
      name: 'earthquake',
      select: ['record_id', 'dimensions.place', 'measures.magnitude'],
      order_by: [{ column: 'magnitude', direction: 'desc' }],
      limit: 1,
    }),
    system.normalizer.quarantined(tenantId, { sourceId: 'movies', limit: 1 }),
  ]);
  const row = strongest.rows[0];
  const quarantinedId = refused.items[0]?.quarantine_id;
  return {
    ...(row === undefined ? {} : { record: { id: String(row[0]), place: String(row[1]), magnitude: Number(row[2]) } }),
    ...(quarantinedId === undefined ? {} : { quarantinedId }),
  };
}
