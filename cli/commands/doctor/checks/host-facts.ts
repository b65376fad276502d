/** Checks that the packages of every approved host are known. */
import { isFailure } from '../../../../shared/facts/collection.ts'
import { counted } from '../../../terminal/counted.ts'
import { type Check, type Finding, someOf } from '../ground/check.ts'

export const hostFacts: Check = {
  name: 'host packages',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    // An older coordinator doesn't send the state of facts.
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
        detail: `cannot read the packages of ${counted(failed.length, 'host')}: ${names(failed)}`,
        fix: 'run muster agent show HOST for the reason, and repair the package database there',
      })
    if (unknown.length > 0)
      found.push({
        status: 'warn',
        detail: `the packages of ${counted(unknown.length, 'host')} are unknown: ${names(unknown)}`,
        fix: 'run muster agent show HOST for the reason, if the host reported one',
      })
    if (found.length > 0) return found
    return { status: 'ok', detail: `packages of ${counted(rows.length, 'host')} known` }
  },
}
