/** Compares the clocks of the hosts with the coordinator's. */
import type { Check } from '../ground/check.ts'
import { clockStatus, clockWords } from '../../../terminal/clock-words.ts'

export const hostClocks: Check = {
  name: 'host clocks',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    // Offline hosts are included, because a host with a wrong clock may fail to connect.
    const known = asked.value.agents.flatMap(({ name, status, clockOffsetMs: offset }) =>
      offset === undefined || status === 'revoked' ? [] : [{ name, offset }],
    )
    const wrong = known.filter(({ offset }) => clockStatus(offset) !== 'ok')
    if (wrong.length === 0) return { status: 'ok', detail: `clocks of ${known.length} hosts agree` }
    return wrong.map(({ name, offset }) => ({
      status: clockStatus(offset),
      detail: `the clock of ${name} is ${clockWords(offset)} of the coordinator's`,
      fix: `set the clock of ${name}, for example with chrony or systemd-timesyncd`,
    }))
  },
}
