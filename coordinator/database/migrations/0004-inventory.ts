/** Each agent's package state and its history. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0004-inventory',
  statements: ({ text, integer, end }) => [
    `create table fact_state (
      agent ${text} primary key references agent (id),
      epoch ${integer} not null,
      sequence ${integer} not null,
      root ${text} not null,
      at ${integer} not null,
      os ${text} not null
    )${end}`,
    `create table fact_package (
      agent ${text} not null references agent (id),
      manager ${text} not null,
      name ${text} not null,
      arch ${text} not null,
      epoch ${integer} not null,
      version ${text} not null,
      release ${text} not null,
      primary key (agent, manager, name, arch, epoch, version, release)
    )${end}`,
    `create index fact_package_name on fact_package (name)`,
    `create table fact_event (
      agent ${text} not null references agent (id),
      epoch ${integer} not null,
      sequence ${integer} not null,
      position ${integer} not null,
      at ${integer} not null,
      event ${text} not null,
      manager ${text} not null,
      name ${text} not null,
      arch ${text} not null,
      "from" ${text},
      "to" ${text},
      source ${text},
      duration ${integer},
      primary key (agent, epoch, sequence, position)
    )${end}`,
    `create index fact_event_name on fact_event (name, at)`,
    `create index fact_event_at on fact_event (at)`,
  ],
}
