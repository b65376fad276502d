/** Errors of reading package databases. */
import { defineErrors } from '../../../shared/errors.ts'

export const collectorError = defineErrors({
  'facts.unreadable': {
    exit: 'failed',
    retryable: true,
    message: (d: { manager: string; path: string; reason: string }) =>
      `the ${d.manager} database ${d.path} can't be read: ${d.reason}`,
    hint: () =>
      'facts stay as they were last seen; run the agent as a user who can read the database',
  },
  'facts.rpm': {
    exit: 'failed',
    retryable: true,
    message: (d: { folder: string; reason: string }) =>
      `rpm can't list the packages of its database in ${d.folder}: ${d.reason}`,
    hint: (d: { folder: string }) =>
      `only rpm reads a database of this kind: install rpm, or move the database away if it is \
left over from another system (${d.folder})`,
  },
})
