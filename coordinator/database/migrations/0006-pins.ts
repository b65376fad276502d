/** What an operator put `latest` on, and which operation made a snapshot or a publication. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0006-pins',
  statements: ({ text, integer }) => [
    `alter table snapshot add column operation ${text}`,
    `alter table publication add column pin ${text}`,
    `alter table publication add column since ${integer}`,
    `alter table publication add column operation ${text}`,
    `alter table generation add column operation ${text}`,
    // Before this migration only an operator's `repo publish --snapshot` served less than the
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
