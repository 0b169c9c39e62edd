/** Applied documents: reading them. Applying them: apply.ts. */
import type { Profile, Report, Source } from '#contracts';
import { ChartlyError } from '#kit';
import type { AppliedProfile } from '#normalizer';
import type { Row, Sql } from '#storage';

export type DocumentKind = 'source' | 'profile' | 'report';

export interface DocumentRow extends Row {
  kind: DocumentKind;
  document_id: string;
  ordinal: number;
  version: string;
  digest: string;
  spec: unknown;
  active: boolean;
  applied_at: string;
}

const columns = 'kind, document_id, ordinal, version, digest, spec, active, applied_at';

/** Active documents of a kind, by id. */
export function activeDocuments(sql: Sql, tenantId: string, kind: DocumentKind): Promise<DocumentRow[]> {
  return sql.query<DocumentRow>(
    `select ${columns} from document where tenant_id = $1 and kind = $2 and active order by document_id`,
    [tenantId, kind],
  );
}

export async function activeDocument(
  sql: Sql,
  tenantId: string,
  kind: DocumentKind,
  id: string,
): Promise<DocumentRow | undefined> {
  const [row] = await sql.query<DocumentRow>(
    `select ${columns} from document where tenant_id = $1 and kind = $2 and document_id = $3 and active`,
    [tenantId, kind, id],
  );
  return row;
}

export async function documentVersion(
  sql: Sql,
  tenantId: string,
  kind: DocumentKind,
  id: string,
  version: string,
): Promise<DocumentRow | undefined> {
  const [row] = await sql.query<DocumentRow>(
    `select ${columns} from document where tenant_id = $1 and kind = $2 and document_id = $3 and version = $4`,
    [tenantId, kind, id, version],
  );
  return row;
}

/** Every version of every profile, newest first within a profile. */
export async function allProfiles(
  sql: Sql,
  tenantId: string,
): Promise<(AppliedProfile & { active: boolean; appliedAt: string })[]> {
  const rows = await sql.query<DocumentRow>(
    `select ${columns} from document where tenant_id = $1 and kind = 'profile' order by document_id, ordinal desc`,
    [tenantId],
  );
  return rows.map((row) => ({ ...toProfile(row), active: row.active, appliedAt: row.applied_at }));
}

export function toProfile(row: DocumentRow): AppliedProfile {
  return { profile: row.spec as Profile, digest: row.digest, ordinal: row.ordinal };
}

/** The source as applied, with the profile version that maps its payloads now. Errors: `not_found`. */
export async function activeSource(
  sql: Sql,
  tenantId: string,
  sourceId: string,
): Promise<{ source: Source; profile: AppliedProfile }> {
  const row = await activeDocument(sql, tenantId, 'source', sourceId);
  if (row === undefined) throw new ChartlyError('not_found', `There is no source ${sourceId}.`);
  const source = row.spec as Source;
  const profile = await activeDocument(sql, tenantId, 'profile', source.profile);
  if (profile === undefined) throw new ChartlyError('not_found', `There is no profile ${source.profile}.`);
  return { source, profile: toProfile(profile) };
}

/** Errors: `not_found`. */
export async function activeReport(sql: Sql, tenantId: string, reportId: string): Promise<Report> {
  const row = await activeDocument(sql, tenantId, 'report', reportId);
  if (row === undefined) throw new ChartlyError('not_found', `There is no report ${reportId}.`);
  return row.spec as Report;
}
