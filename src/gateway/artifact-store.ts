// Which raw payloads and artifacts are a tenant's: blobs are shared by content, the tables say who may read them.
import type { Manifest } from '#contracts';
import { ChartlyError } from '#kit';
import type { Relational, Row } from '#storage';

interface ArtifactRow extends Row {
  content_type: string;
  manifest: Manifest;
}

/** Errors: `not_found`. */
export async function findArtifact(
  relational: Relational,
  tenantId: string,
  sha256: string,
): Promise<{ contentType: string; manifest: Manifest }> {
  const [row] = await relational.query<ArtifactRow>(
    'select content_type, manifest from artifact where tenant_id = $1 and sha256 = $2 order by created_at desc, report_id limit 1',
    [tenantId, sha256],
  );
  if (row === undefined) throw new ChartlyError('not_found', 'There is no such artifact.');
  return { contentType: row.content_type, manifest: row.manifest };
}

/** Errors: `not_found`. */
export async function findPayload(
  relational: Relational,
  tenantId: string,
  sha256: string,
): Promise<{ bucket: string; contentType: string }> {
  const [row] = await relational.query<{ bucket: string; content_type: string; expired_at: string | null }>(
    `select bucket, content_type, expired_at from raw_ref where tenant_id = $1 and sha256 = $2
     order by expired_at is not null, captured_at limit 1`,
    [tenantId, sha256],
  );
  if (row === undefined) throw new ChartlyError('not_found', 'There is no such payload.');
  if (row.expired_at !== null) {
    throw new ChartlyError(
      'not_found',
      `This payload has expired by the retention of its profile, at ${row.expired_at}.`,
    );
  }
  return { bucket: row.bucket, contentType: row.content_type };
}
