/** Checks that the agent's last attempt to read the packages of this host succeeded. */
import { readCollection } from '../../../../agent/facts/collection-store.ts'
import {
  acceptableOf,
  describeManager,
  describeProblem,
  type FactProblem,
  isFailure,
} from '../../../../shared/facts/collection.ts'
import { agentPaths } from '../../../../shared/home.ts'
import type { Check } from '../ground/check.ts'

function fixOf(problem: FactProblem): string {
  const [manager] = acceptableOf([problem])
  return manager === undefined
    ? 'repair the package database'
    : [
        'repair the package database',
        `if the packages were really removed, run muster agent facts --once --accept ${manager}`,
      ].join('; ')
}

export const facts: Check = {
  name: 'packages',
  run: async (subject) => {
    if (subject.kind !== 'agent') return undefined
    const collection = await readCollection(agentPaths(subject.home).facts)
    if (collection === undefined)
      return { status: 'skipped', detail: 'the agent has not read the packages of this host yet' }
    const { problems, managers } = collection
    if (problems.length === 0)
      return { status: 'ok', detail: managers.map(describeManager).join(', ') }
    return problems.map((problem) => {
      const detail = describeProblem(problem)
      return isFailure(problem)
        ? { status: 'fail', detail, fix: fixOf(problem) }
        : { status: 'warn', detail }
    })
  },
}
