/**
 * Every way in which the database says no. Driver errors never leave this folder except as the
 * `cause` of one of these.
 */
import { defineErrors } from '../../shared/errors.ts'

export const databaseError = defineErrors({
  'database.url': {
    exit: 'usage',
    message: (d: { got: string; reason: string }) =>
      `database address ${d.got} cannot be used: ${d.reason}`,
    hint: () => 'write sqlite:///absolute/path/of/the/file or postgresql://user@host:5432/name',
  },
  'database.absent': {
    exit: 'notFound',
    message: (d: { database: string }) => `there is no Muster database at ${d.database}`,
    hint: () =>
      'a database is never made by accident: run `muster init`, or correct the address in the configuration',
  },
  'database.in-use': {
    exit: 'conflict',
    retryable: true,
    message: (d: { database: string; owner: string }) =>
      `${d.database} is already open in ${d.owner}`,
    hint: () => 'a SQLite database belongs to one coordinator: stop the other one',
  },
  'database.network-folder': {
    exit: 'usage',
    message: (d: { database: string; filesystem: string }) =>
      `${d.database} lies on a network file system (${d.filesystem}), where SQLite's locks do not hold`,
    hint: () => 'put the database on a local disk',
  },
  'database.library': {
    exit: 'failed',
    message: (d: { library: string; version: string; reason: string }) =>
      `${d.library} ${d.version} is not used: ${d.reason}`,
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
      `${d.database} was changed by a newer Muster: migration ${d.migration} is not known here`,
    hint: () => 'run the newer version; going back needs the backup made before its first start',
  },
  'database.edited-migration': {
    exit: 'verification',
    message: (d: { database: string; migration: string; expected: string; got: string }) =>
      `migration ${d.migration} was applied to ${d.database} with checksum ${d.expected}, but here it has ${d.got}`,
    hint: () =>
      'a migration must not change once it has run: use the program version that made this database',
  },
  'database.damaged': {
    exit: 'verification',
    message: (d: { database: string; reason: string }) => `${d.database} is damaged: ${d.reason}`,
    hint: () =>
      'keep the file as it is, restore the newest backup beside it, and compare with `muster audit verify`; see docs/RECOVERY.md',
  },
  'database.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { database: string; reason: string }) =>
      `${d.database} cannot be reached: ${d.reason}`,
    hint: () =>
      'check that it is running and that its files and disk can be used; what was asked for was not done',
  },
  'database.outcome-unknown': {
    exit: 'unreachable',
    message: (d: { database: string; reason: string }) =>
      `the connection to ${d.database} was lost during commit: ${d.reason}`,
    hint: () =>
      'the change may or may not be there: look it up by its operation id before doing it again',
  },
  'database.busy': {
    exit: 'conflict',
    retryable: true,
    message: (d: { database: string; reason: string }) => `${d.database} is busy: ${d.reason}`,
    hint: () => 'try again; if that goes on, find the process that uses it for so long',
  },
  'database.full': {
    exit: 'failed',
    message: (d: { database: string }) => `there is no room left for ${d.database}`,
    hint: () => 'free some space; nothing was changed',
  },
  'database.exists': {
    exit: 'conflict',
    message: (d: { what: string }) => `there is already a row with the same ${d.what}`,
  },
  'database.missing-reference': {
    exit: 'notFound',
    message: (d: { what: string }) => `a row refers to something that is not there: ${d.what}`,
  },
  'database.constraint': {
    exit: 'failed',
    message: (d: { what: string }) => `a row breaks a rule of the schema: ${d.what}`,
  },
  'database.nested': {
    exit: 'failed',
    message: () => 'a query outside the open transaction was made from inside it',
    hint: () =>
      'use the `tx` that the transaction hands out: with one connection the other query would wait for ever',
  },
  'database.query': {
    exit: 'failed',
    message: (d: { database: string; reason: string }) =>
      `${d.database} refused a statement: ${d.reason}`,
  },
})
