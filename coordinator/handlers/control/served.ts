/** What `latest` of a repository serves, for `repo list`, `repo show` and `status`. */
import type { ServedRow } from '../../../protocols/control/messages.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { Database } from '../../database/database.ts'
import { newestVersion } from '../../repositories/versions/versions.ts'
import { currentPublication } from '../../repositories/publish/publications.ts'

export function servedRow(
  published: {
    readonly version: number
    readonly pin: string | null
    readonly since: number | null
  } | null,
  newest: number | null,
): ServedRow | null {
  if (published === null) return null
  const { version, pin, since } = published
  return {
    version,
    snapshot: pin,
    newest: version === newest,
    since: since === null ? null : rfc3339(since),
  }
}

export async function servedOf(database: Database, repository: string): Promise<ServedRow | null> {
  const current = await currentPublication(database.query, { repository, target: 'latest' })
  const newest = await newestVersion(database.query, repository)
  return servedRow(current ?? null, newest?.id ?? null)
}
