/**
 * All errors of the database. A driver's error leaves this folder only as the `cause` of one of
 * these.
 */
import { defineErrors } from '../../shared/errors.ts'

export const databaseError = defineErrors({
  'database.url': {
    exit: 'usage',
    message: (d: { got: string; reason: string }) =>
      `invalid database address: ${d.got}: ${d.reason}`,
    hint: () => 'write sqlite:///absolute/path/of/the/file or postgresql://user@host:5432/name',
  },
  'database.absent': {
    exit: 'notFound',
    message: (d: { database: string }) => `there is no Muster database at ${d.database}`,
    hint: () => 'run `muster init` to create one, or correct the address in the configuration',
  },
  'database.in-use': {
    exit: 'conflict',
    retryable: true,
    message: (d: { database: string; owner: string }) =>
      `${d.database} is already open in ${d.owner}`,
    hint: () => 'stop the other coordinator; a SQLite database can have only one',
  },
  'database.network-folder': {
    exit: 'usage',
    message: (d: { database: string; filesystem: string }) =>
      `${d.database} is on a network file system (${d.filesystem}), ` +
      `where SQLite's locks don't work`,
    hint: () => 'put the database on a local disk',
  },
  'database.library': {
    exit: 'failed',
    message: (d: { library: string; version: string; reason: string }) =>
      `unsafe database library: ${d.library} ${d.version}: ${d.reason}`,
    hint: (d: { library: string }) => `install a fixed ${d.library}`,
  },
  'database.settings': {
    exit: 'usage',
    message: (d: { database: string; setting: string; expected: string; got: string }) =>
      `${d.database} has ${d.setting} = ${d.got}, expected ${d.expected}`,
  },
  'database.newer-schema': {
    exit: 'conflict',
    message: (d: { database: string; migration: string }) =>
      `${d.database} was changed by a newer Muster: migration ${d.migration} is unknown`,
    hint: () => 'run the newer version, or restore the backup that it made before its first start',
  },
  'database.edited-migration': {
    exit: 'verification',
    message: (d: { database: string; migration: string; expected: string; got: string }) =>
      `migration ${d.migration} of ${d.database} was edited ` +
      `(expected checksum ${d.expected}, got ${d.got})`,
    hint: () => 'use the program version that made this database',
  },
  'database.damaged': {
    exit: 'verification',
    message: (d: { database: string; reason: string }) => `${d.database} is damaged: ${d.reason}`,
    hint: () =>
      'keep the file, restore the newest backup beside it, and run `muster audit verify`; ' +
      'see docs/RECOVERY.md',
  },
  'database.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { database: string; reason: string }) =>
      `${d.database} cannot be reached: ${d.reason}`,
    hint: () => 'check that it is running and that its files and disk work; nothing was changed',
  },
  'database.outcome-unknown': {
    exit: 'unreachable',
    message: (d: { database: string; reason: string }) =>
      `the connection to ${d.database} was lost during commit: ${d.reason}`,
    hint: () => 'look up the change by its operation id before you retry: it may have been made',
  },
  'database.busy': {
    exit: 'conflict',
    retryable: true,
    message: (d: { database: string; reason: string }) => `${d.database} is busy: ${d.reason}`,
    hint: () => 'try again; if it stays busy, find the process that uses it',
  },
  'database.full': {
    exit: 'failed',
    message: (d: { database: string }) => `no space left on the coordinator for ${d.database}`,
    hint: () => 'free some space on the coordinator; nothing was changed',
  },
  'database.exists': {
    exit: 'conflict',
    message: (d: { what: string }) => `there is already a row with the same ${d.what}`,
  },
  'database.missing-reference': {
    exit: 'notFound',
    message: (d: { what: string }) => `a row refers to a missing row: ${d.what}`,
  },
  'database.constraint': {
    exit: 'failed',
    message: (d: { what: string }) => `a row breaks a rule of the schema: ${d.what}`,
  },
  'database.nested': {
    exit: 'failed',
    message: () => 'a query bypassed the open transaction',
    hint: () =>
      'use the `tx` of the transaction: on the only connection the query would wait for ever',
  },
  'database.query': {
    exit: 'failed',
    message: (d: { database: string; reason: string }) =>
      `${d.database} rejected a statement: ${d.reason}`,
  },
})
