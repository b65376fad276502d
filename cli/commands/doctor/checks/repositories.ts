/** Checks the result of the last sync of each repository. */
import { counted } from '../../../terminal/counted.ts'
import { type Check, type Finding, someOf } from '../ground/check.ts'

const PROBLEMS = [
  { result: 'failed', status: 'fail', words: 'failed' },
  { result: 'incomplete', status: 'warn', words: 'was incomplete' },
] as const

export const repositories: Check = {
  name: 'repositories',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    const { repositories: rows } = asked.value.status
    const found = PROBLEMS.flatMap(({ result, status, words }): Finding[] => {
      const ids = rows.filter((row) => row.result === result).map(({ id }) => id)
      const [first] = ids
      if (first === undefined) return []
      const detail = `the last sync ${words}: ${someOf(ids)}`
      return [{ status, detail, fix: `muster repo sync --repo-id ${first}` }]
    })
    if (found.length > 0) return found
    return { status: 'ok', detail: counted(rows.length, 'repository', 'repositories') }
  },
}
