/** The publications in the database, with the path at which each is served. */
import type { Database } from '../../database/database.ts'
import type { Repositories } from '../configured.ts'
import type { Publication } from './destination.ts'

export interface KnownPublications {
  /** `latest` and the snapshots of each repository that is still configured. */
  readonly known: readonly Publication[]
  /**
   * Publications of snapshots that don't exist. An interrupted `snapshot create` left them. The
   * caller must withdraw them.
   */
  readonly orphaned: readonly Publication[]
}

export async function knownPublications(
  database: Database,
  repositories: Repositories,
): Promise<KnownPublications> {
  const rows = await database.query
    .selectFrom('publication')
    .leftJoin('snapshot', (join) =>
      join
        .onRef('snapshot.repository', '=', 'publication.repository')
        .onRef('snapshot.name', '=', 'publication.target'),
    )
    .select(['publication.repository', 'publication.target', 'snapshot.name as snapshot'])
    .execute()
  const configured = new Set(repositories.all.map((repository) => repository.name))
  const known: Publication[] = []
  const orphaned: Publication[] = []
  for (const { repository, target, snapshot } of rows) {
    if (!configured.has(repository)) continue
    const list = target === 'latest' || snapshot !== null ? known : orphaned
    list.push({ repository, target, path: repositories.path(repository, target) })
  }
  return { known, orphaned }
}
