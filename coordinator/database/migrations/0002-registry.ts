/** Agents, enrolment tokens, grants, revocations and roots. */
import type { Migration } from '../schema/migration.ts'

export const migration: Migration = {
  name: '0002-registry',
  // oxlint-disable-next-line max-lines-per-function -- one list of statements
  statements: ({ text, integer, bytes, end }) => [
    `create table agent (
      id ${text} primary key,
      peer_id ${text} not null unique,
      public_key ${bytes} not null,
      name ${text} not null unique,
      status ${text} not null check (status in ('pending', 'approved', 'revoked')),
      labels ${text} not null,
      claims ${text} not null,
      epoch ${integer} not null,
      enrolled_at ${integer} not null,
      approved_at ${integer},
      revoked_at ${integer},
      last_seen ${integer},
      version ${text},
      addresses ${text} not null
    )${end}`,
    `create table enroll_token (
      hash ${text} primary key,
      labels ${text} not null,
      approve ${integer} not null check (approve in (0, 1)),
      created_at ${integer} not null,
      created_by ${text} not null,
      expires_at ${integer} not null,
      used_at ${integer},
      used_by ${text}
    )${end}`,
    `create table grant_record (
      id ${text} primary key,
      statement ${bytes} not null,
      scheme ${text} not null,
      signature ${bytes} not null,
      key ${bytes} not null,
      issuer ${text} not null,
      subject ${text} not null,
      namespace ${text} not null,
      level ${text} not null,
      not_after ${integer} not null,
      epoch ${integer} not null,
      added_at ${integer} not null,
      revoked_at ${integer}
    )${end}`,
    `create index grant_record_subject on grant_record (subject)`,
    `create table revocation_record (
      id ${text} primary key,
      statement ${bytes} not null,
      scheme ${text} not null,
      signature ${bytes} not null,
      key ${bytes} not null,
      kind ${text} not null check (kind in ('grant', 'key', 'agent')),
      target ${text} not null,
      epoch ${integer} not null,
      issuer ${text} not null,
      added_at ${integer} not null
    )${end}`,
    `create index revocation_record_target on revocation_record (kind, target)`,
    `create table root_record (
      version ${integer} primary key,
      statement ${bytes} not null,
      signatures ${text} not null,
      added_at ${integer} not null
    )${end}`,
  ],
}
