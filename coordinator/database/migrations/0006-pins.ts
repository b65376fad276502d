/**
 * The snapshot that an operator chose for `latest`, and the operation that made a snapshot or a
 * publication.
 */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0006-pins',
  statements: ({ text, integer }) => [
    `alter table snapshot add column operation ${text}`,
    `alter table publication add column pin ${text}`,
    `alter table publication add column since ${integer}`,
    `alter table publication add column operation ${text}`,
    `alter table generation add column operation ${text}`,
    // Before this migration, only `repo publish --snapshot` could serve an older version than the
    // newest.
    `update publication set pin = (
      select min(snapshot.name) from snapshot
      where snapshot.repository = publication.repository
        and snapshot.version = publication.version
    )
    where target = 'latest' and version < (
      select max(newer.id) from repository_version newer
      where newer.repository = publication.repository
    )`,
  ],
}
