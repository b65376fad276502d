/** Checks that hosts are connected, have unique identities, and can write to their disks. */
import type { AgentRow } from '../../../../protocols/control/messages.ts'
import { counted } from '../../../terminal/counted.ts'
import { type Check, type Finding, someOf } from '../ground/check.ts'

export const hosts: Check = {
  name: 'hosts',
  run: async (subject) => {
    const asked = await subject.fleet()
    if ('skipped' in asked) return asked.skipped
    const { agents } = asked.value
    const names = (which: (agent: AgentRow) => boolean): string[] =>
      agents.filter(which).map(({ name }) => name)
    const offline = names(({ status }) => status === 'offline')
    const pending = names(({ status }) => status === 'pending')
    const copied = names(({ copies }) => copies !== undefined)
    const connected = names(({ status }) => status === 'connected')
    const found: Finding[] = []
    if (offline.length > 0)
      found.push({
        status: 'fail',
        detail: `${counted(offline.length, 'host')} not connected: ${someOf(offline)}`,
        fix: 'run muster doctor on the host; revoke a removed host with muster agent revoke HOST',
      })
    if (copied.length > 0)
      found.push({
        status: 'fail',
        detail: `several machines run as one host: ${someOf(copied)}`,
        fix: 'stop the copy, then enrol it with a new home: muster agent join TOKEN --home DIR',
      })
    for (const { name, trouble } of agents)
      if (trouble !== undefined)
        found.push({
          status: 'fail',
          detail: `${name}: ${trouble}`,
          fix: 'free some space on the host, or check its disk with muster doctor there',
        })
    if (pending.length > 0)
      found.push({
        status: 'warn',
        detail: `${counted(pending.length, 'host')} waiting for approval: ${someOf(pending)}`,
        fix: 'muster enroll list',
      })
    if (connected.length > 0 || found.length === 0)
      found.push({ status: 'ok', detail: `${counted(connected.length, 'host')} connected` })
    return found
  },
}
