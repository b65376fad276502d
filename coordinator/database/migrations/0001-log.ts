/** The audit log: head row, entries, checkpoints, open intents. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0001-log',
  statements: ({ text, integer, bytes, end }) => [
    `create table log_head (
      id ${integer} primary key check (id = 1),
      size ${integer} not null check (size >= 0),
      root ${bytes} not null,
      frontier ${bytes} not null,
      epoch ${integer} not null,
      last_at ${integer} not null
    )${end}`,
    `create table log_entry (
      "index" ${integer} primary key check ("index" >= 0),
      leaf_hash ${bytes} not null,
      bytes ${bytes} not null,
      at ${integer} not null,
      type ${text} not null,
      operation ${text},
      actor ${text}
    )${end}`,
    `create index log_entry_operation on log_entry (operation)`,
    `create index log_entry_actor on log_entry (actor, "index")`,
    `create table checkpoint (
      size ${integer} primary key check (size > 0),
      root ${bytes} not null,
      note ${text} not null,
      at ${integer} not null
    )${end}`,
    `create table open_intent (
      operation ${text} primary key,
      "index" ${integer} not null references log_entry ("index"),
      verb ${text} not null,
      at ${integer} not null,
      coordinator ${text} not null
    )${end}`,
  ],
}
