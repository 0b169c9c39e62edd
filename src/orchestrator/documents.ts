/** Applied documents: reading them. Applying them: apply.ts. */
import type { Profile, Report, Source } from '#contracts';
import { ChartlyError } from '#kit';
import type { AppliedProfile } from '#normalizer';
import type { Row, Sql } from '#storage';
import type { ProfileVersion } from './index.ts';

export type DocumentKind = 'source' | 'profile' | 'report';

export interface DocumentRow extends Row {
  kind: DocumentKind;
  document_id: string;
  /** Null while staged. */
  ordinal: number | null;
  version: string;
  digest: string;
  spec: unknown;
  active: boolean;
  applied_at: string;
  activated_at: string | null;
}

const columns = 'kind, document_id, ordinal, version, digest, spec, active, applied_at, activated_at';

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

/** Every version of every profile: those that were never active first, then from the one that became active last. */
export async function allProfiles(sql: Sql, tenantId: string): Promise<ProfileVersion[]> {
  const rows = await sql.query<DocumentRow>(
    `select ${columns} from document where tenant_id = $1 and kind = 'profile'
     order by document_id, ordinal desc nulls first, applied_at desc`,
    [tenantId],
  );
  return rows.map((row) => ({
    profile: row.spec as Profile,
    digest: row.digest,
    ordinal: row.ordinal ?? undefined,
    state: row.active ? 'active' : row.ordinal === null ? 'staged' : 'superseded',
    appliedAt: row.applied_at,
    activatedAt: row.activated_at ?? undefined,
  }));
}

/** A version that is or was active. Errors: `conflict` when it is only staged. */
export function toProfile({ spec, digest, ordinal }: DocumentRow): AppliedProfile {
  const profile = spec as Profile;
  if (ordinal !== null) return { profile, digest, ordinal };
  const name = `${profile.profile}@${profile.version}`;
  throw new ChartlyError('conflict', `Profile ${name} is staged: it reads no payloads yet.`, {
    action: `See what it would change with --preview, then promote it: \`chartly profile promote ${name}\`.`,
  });
}

/** A version as it would read payloads if it were active: under its own ordinal when it is, else as the newest. */
export async function asActive(sql: Sql, tenantId: string, row: DocumentRow): Promise<AppliedProfile> {
  if (row.active) return toProfile(row);
  const ordinal = await nextOrdinal(sql, tenantId, row.document_id);
  return { profile: row.spec as Profile, digest: row.digest, ordinal };
}

/** The ordinal of the version of a profile that becomes active next. */
export async function nextOrdinal(sql: Sql, tenantId: string, profileId: string): Promise<number> {
  const [row] = await sql.query<{ next: number }>(
    `select coalesce(max(ordinal), 0) + 1 as next from document where tenant_id = $1 and kind = 'profile' and document_id = $2`,
    [tenantId, profileId],
  );
  return row!.next;
}

/** Two changes of one tenant's documents go one after the other. */
export async function lockDocuments(tx: Sql, tenantId: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))::text`, [`chartly/documents/${tenantId}`]);
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
