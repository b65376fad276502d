/** Runs that the coordinator has dispatched. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0005-runs',
  statements: ({ text, integer, end }) => [
    `create table run_record (
      id ${text} primary key,
      agent ${text} not null references agent (id),
      operation ${text} not null,
      command ${text} not null,
      name ${text},
      actor ${text} not null,
      status ${text} not null,
      reason ${text},
      created_at ${integer} not null,
      started_at ${integer},
      ended_at ${integer},
      exit_code ${integer},
      signal ${text},
      output_bytes ${integer} not null
    )${end}`,
    `create index run_record_agent on run_record (agent, created_at)`,
    `create index run_record_operation on run_record (operation)`,
  ],
}
