/** One screen: is everything fine? A log that takes no entries is told by the exit code too. */
import { EXIT } from '../../../shared/exit-codes.ts'
import { formatSize } from '../../../shared/units.ts'
import type { StatusResponse } from '../../../protocols/control/messages.ts'
import { counted } from '../../terminal/counted.ts'
import { withSession } from '../../session/connect.ts'
import { pinnedStatus } from '../../nouns/served.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<number> {
  const status = await withSession(context, (session) => session.ask('status', {}))
  const { coordinator, agents, store, log, repositories } = status
  const stale = repositories.filter((repository) => repository.result !== 'complete')
  const pinned = pinnedStatus(repositories)
  await context.printOne({
    value: status,
    name: coordinator.name,
    fields: [
      [
        'coordinator',
        `${coordinator.name}   up since ${coordinator.startedAt}   v${coordinator.version}`,
      ],
      ['addresses', coordinator.addresses.join('\n')],
      ['http', coordinator.http ?? undefined],
      [
        'repositories',
        repositories.length === 0
          ? 'none'
          : `${repositories.length - stale.length} complete, ${stale.length} not${pinned.count}`,
      ],
      [
        'agents',
        `${agents.connected} connected, ${agents.offline} offline, ${agents.pending} pending, ${agents.revoked} revoked`,
      ],
      ['store', `${store.blobs} blobs, ${formatSize(store.bytes)}`],
      ['log', logWords(log)],
      ['root', log.root, true],
    ],
  })
  for (const repository of stale)
    await context.note(
      `${repository.id} is ${repository.result ?? 'not synced yet'}: muster repo sync --repo-id ${repository.id}`,
    )
  for (const notice of pinned.notices) await context.note(notice)
  for (const { name, trouble } of status.troubles ?? []) await context.note(`${name}: ${trouble}`)
  if (agents.pending > 0)
    await context.note(`${agents.pending} waiting for approval: muster enroll list`)
  if (agents.offline > 0)
    await context.note(`${counted(agents.offline, 'host')} not connected: muster agent list`)
  if (typeof log.frozen === 'string') {
    await context.note(`the log is frozen, and every change is refused: ${log.frozen}`)
    await context.note('follow docs/RECOVERY.md')
    return EXIT.verification
  }
  if (coordinator.trouble !== undefined) {
    await context.note(`the coordinator refuses every change: ${coordinator.trouble}`)
    return EXIT.failed
  }
  if (log.unsigned !== true) return EXIT.done
  await context.note('the log cannot be signed, and every change is refused: muster doctor')
  return EXIT.failed
}

function logWords({ size, at, openIntents, frozen, unsigned }: StatusResponse['log']): string {
  const words = `${size} entries, newest ${at ?? '-'}, ${openIntents} open`
  if (typeof frozen === 'string') return `frozen: ${frozen}\n${words}`
  return unsigned === true ? `cannot be signed\n${words}` : words
}
