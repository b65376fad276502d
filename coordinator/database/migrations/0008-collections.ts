/**
 * The result of each host's newest collection of packages, and the reason if its facts were
 * refused.
 */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0008-collections',
  statements: ({ text, integer, end }) => [
    `create table fact_collection (
      agent ${text} primary key references agent (id),
      received_at ${integer},
      collection ${text},
      refused_at ${integer},
      refused ${text}
    )${end}`,
  ],
}
