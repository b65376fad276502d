/** Lists the repositories. */
import { formatSize } from '../../../shared/units.ts'
import { withSession } from '../../session/connect.ts'
import { servedShort } from '../../nouns/served.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const { repositories } = await withSession(context, (session) => session.ask('repo.list', {}))
  await context.printList({
    rows: repositories,
    name: (repository) => repository.id,
    columns: [
      { header: 'repository', value: (repository) => repository.id },
      { header: 'packages', value: (repository) => repository.packages, align: 'right' },
      { header: 'size', value: (repository) => formatSize(repository.bytes), align: 'right' },
      { header: 'last sync', value: (repository) => repository.lastSync?.finishedAt ?? undefined },
      { header: 'result', value: (repository) => repository.lastSync?.result ?? undefined },
      { header: 'latest', value: (repository) => servedShort(repository.served) },
      { header: 'snapshots', value: (repository) => repository.snapshots.length, align: 'right' },
      { header: 'upstream', value: (repository) => repository.upstream, wide: true },
    ],
  })
}
