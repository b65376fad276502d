/** Checks that the log accepts entries. Otherwise every change is refused. */
import type { Check } from '../ground/check.ts'

export const log: Check = {
  name: 'log',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    const { frozen, unsigned, size } = asked.value.status.log
    if (typeof frozen === 'string')
      return {
        status: 'fail',
        detail: `the log is frozen, and every change is refused: ${frozen}`,
        fix: 'follow docs/RECOVERY.md',
      }
    if (unsigned === true)
      return {
        status: 'fail',
        detail: 'the log cannot be signed, and every change is refused',
        fix: "free some space on the coordinator's disk; its log output has the reason",
      }
    return { status: 'ok', detail: `log of ${size} entries` }
  },
}
