/** When a host last said something about a run, and outcomes that are still to be found out. */
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
