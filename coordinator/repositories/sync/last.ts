/** The version that a sync compares the upstream with. */
import type { Kysely } from 'kysely'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { RepositoryFormat } from '../formats/format.ts'
import type { VersionRecord } from '../model/version.ts'
import { configHash } from '../versions/config-hash.ts'
import { newestVersion } from '../versions/versions.ts'

export interface Last {
  readonly last: VersionRecord | undefined
  /**
   * The same version, if the configuration hasn't changed since. Otherwise it must not be compared
   * with the upstream, because the new configuration may select other packages.
   */
  readonly comparable: VersionRecord | undefined
}

export async function lastOf(
  db: Kysely<Tables>,
  format: RepositoryFormat,
  config: RepositoryConfig,
): Promise<Last> {
  const known = await db
    .selectFrom('repository')
    .select('config_hash')
    .where('id', '=', config.name)
    .executeTakeFirst()
  const last = await newestVersion(db, config.name)
  const same = known?.config_hash === configHash(format, config)
  return { last, comparable: same ? last : undefined }
}
