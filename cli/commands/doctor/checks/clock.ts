/** Compares the clocks of this machine and the coordinator, because statements expire. */
import type { Check } from '../ground/check.ts'
import { clockStatus, clockWords } from '../../../terminal/clock-words.ts'

export const clock: Check = {
  name: 'clock',
  run: async (subject) => {
    if (!subject.named) return undefined
    const greeting = await subject.greeting().catch(() => undefined)
    subject.context.signal.throwIfAborted()
    if (greeting === undefined)
      return { status: 'skipped', detail: 'the coordinator did not answer' }
    const { clockOffsetMs: offset, version } = greeting
    if (offset === undefined)
      return { status: 'skipped', detail: `coordinator version ${version} does not send its time` }
    const status = clockStatus(offset)
    if (status === 'ok') return { status, detail: "the clock agrees with the coordinator's" }
    return {
      status,
      detail: `the clock of this machine is ${clockWords(-offset)} of the coordinator's`,
      fix: 'set both clocks, for example with chrony or systemd-timesyncd',
    }
  },
}
