/** Which publications the database knows, with the folder in which each is served. */
import type { Database } from '../database/database.ts'
import type { Repositories } from '../repositories.ts'

/** The folder of each published target whose repository is still configured. */
export async function knownPublications(database: Database, repositories: Repositories) {
  const rows = await database.query
    .selectFrom('publication')
    .select(['repository', 'target'])
    .execute()
  const configured = new Set(repositories.all.map((repository) => repository.name))
  return rows
    .filter((row) => configured.has(row.repository))
    .map(({ repository, target }) => ({
      repository,
      target,
      path: repositories.path(repository, target),
    }))
}
