/** One screen: is everything fine?. */
import { formatSize } from '../../../shared/units.ts'
import { withSession } from '../../connect.ts'
import { pinnedStatus } from '../../served.ts'
import type { CommandContext } from '../../context.ts'

export async function handle(context: CommandContext): Promise<void> {
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
      ['log', `${log.size} entries, newest ${log.at ?? '-'}, ${log.openIntents} open`],
      ['root', log.root, true],
    ],
  })
  for (const repository of stale)
    await context.note(
      `${repository.id} is ${repository.result ?? 'not synced yet'}: muster repo sync --repo-id ${repository.id}`,
    )
  for (const notice of pinned.notices) await context.note(notice)
  if (agents.pending > 0)
    await context.note(`${agents.pending} waiting for approval: muster enroll list`)
}
