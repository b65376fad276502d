/** How the last sync of each repository ended. */
import { counted } from '../../../terminal/counted.ts'
import { type Check, type Finding, someOf } from '../ground/check.ts'

export const repositories: Check = {
  name: 'repositories',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    const { repositories: rows } = asked.value.status
    const ended = (result: string): string[] =>
      rows.filter((row) => row.result === result).map(({ id }) => id)
    const found: Finding[] = []
    for (const [result, status] of [
      ['failed', 'fail'],
      ['incomplete', 'warn'],
    ] as const) {
      const ids = ended(result)
      if (ids.length === 0) continue
      found.push({
        status,
        detail: `the last sync was ${result === 'failed' ? 'a failure' : result}: ${someOf(ids)}`,
        fix: `muster repo sync --repo-id ${ids[0] as string}`,
      })
    }
    if (found.length > 0) return found
    return { status: 'ok', detail: counted(rows.length, 'repository', 'repositories') }
  },
}
