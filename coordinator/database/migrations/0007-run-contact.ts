/** The time when a host last reported on a run, and outcomes that are still unknown. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0007-run-contact',
  statements: ({ text, integer, end }) => [
    `alter table run_record add column seen_at ${integer}`,
    `create table unknown_outcome (
      operation ${text} not null,
      target ${text} not null,
      primary key (operation, target)
    )${end}`,
    `create index unknown_outcome_target on unknown_outcome (target)`,
  ],
}
