/** The packages of this host: whether the agent of this home could read them when it looked last. */
import { access } from 'node:fs/promises'
import { readCollection } from '../../../../agent/facts/collection-store.ts'
import { describeProblem, isFailure } from '../../../../shared/facts/collection.ts'
import { agentPaths } from '../../../../shared/home.ts'
import type { Check } from '../check.ts'

export const facts: Check = {
  name: 'facts',
  run: async (context) => {
    const { facts: folder } = agentPaths(context.home())
    const isAgent = await access(folder).then(
      () => true,
      () => false,
    )
    if (!isAgent) return undefined
    const collection = await readCollection(folder)
    if (collection === undefined) return undefined
    const { problems, managers } = collection
    const packages = managers.reduce((sum, manager) => sum + manager.packages, 0)
    if (problems.length === 0) return { status: 'ok', detail: `${packages} packages are known` }
    const detail = problems.map(describeProblem).join('; ')
    if (!problems.some(isFailure)) return { status: 'warn', detail, fix: 'muster agent show HOST' }
    return {
      status: 'fail',
      detail,
      fix: 'repair the package database; if packages are really gone, muster agent facts --once --accept',
    }
  },
}
