/**
 * A pin is the snapshot that an operator chose for `latest`. Without a pin, `latest` follows the
 * newest version. Call the checks in the transaction that publishes, so that they see all earlier
 * changes.
 */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables/all.ts'
import { publishError } from './errors.ts'
import { currentPublication } from './publications.ts'

/**
 * Returns the pin of `latest`. Null if `latest` follows the newest version, or if nothing is
 * published.
 */
export async function pinOf(db: Kysely<Tables>, repository: string): Promise<string | null> {
  return (await currentPublication(db, { repository, target: 'latest' }))?.pin ?? null
}

/** @throws `publish.pin` if the pin has changed */
export async function requirePin(
  tx: Kysely<Tables>,
  repository: string,
  expected: string | null,
): Promise<void> {
  const pin = await pinOf(tx, repository)
  if (pin !== expected)
    throw publishError('publish.pin', {
      repository,
      expected: expected ?? '',
      got: pin ?? '',
    })
}

/** @throws `publish.outdated` if a newer version was accepted meanwhile */
export async function requireNewest(
  tx: Kysely<Tables>,
  repository: string,
  version: number,
): Promise<void> {
  const newest = await tx
    .selectFrom('repository_version')
    .select((row) => row.fn.max('id').as('id'))
    .where('repository', '=', repository)
    .executeTakeFirst()
  const id = Number(newest?.id ?? version)
  if (id !== version) throw publishError('publish.outdated', { repository, version, newest: id })
}
