/** The packages of every host that takes part: whether they are known, and as they are now. */
import { isFailure } from '../../../../shared/facts/collection.ts'
import { counted } from '../../../terminal/counted.ts'
import { type Check, type Finding, someOf } from '../ground/check.ts'

export const hostFacts: Check = {
  name: 'host packages',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    // A coordinator of an older version says nothing about facts.
    const rows = asked.value.agents.flatMap(({ name, status, facts }) =>
      facts === undefined || (status !== 'connected' && status !== 'offline')
        ? []
        : [{ name, ...facts }],
    )
    const failed = rows.filter(({ problems }) => problems.some(isFailure))
    const unknown = rows.filter((row) => row.at === null && !failed.includes(row))
    const found: Finding[] = []
    const names = (some: typeof rows): string => someOf(some.map(({ name }) => name))
    if (failed.length > 0)
      found.push({
        status: 'fail',
        detail: `the packages of ${counted(failed.length, 'host')} could not be read: ${names(failed)}`,
        fix: 'muster agent show HOST has the reason; repair the package database there',
      })
    if (unknown.length > 0)
      found.push({
        status: 'warn',
        detail: `the packages of ${counted(unknown.length, 'host')} are unknown: ${names(unknown)}`,
        fix: 'muster agent show HOST has the reason, if the host has told one',
      })
    if (found.length > 0) return found
    return { status: 'ok', detail: `packages of ${counted(rows.length, 'host')} known` }
  },
}
