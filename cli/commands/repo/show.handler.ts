/** One repository. */
import { formatSize } from '../../../shared/units.ts'
import { withSession } from '../../session/connect.ts'
import { servedLong } from '../../nouns/served.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './show.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const repository = await withSession(context, (session) =>
    session.ask('repo.show', { repository: context.flags.repoId }),
  )
  const { lastSync } = repository
  await context.printOne({
    value: repository,
    name: repository.id,
    fields: [
      ['repository', repository.id],
      ['type', repository.type],
      ['upstream', repository.upstream],
      ['packages', `${repository.packages}, ${formatSize(repository.bytes)}`],
      ['revision', repository.revision ?? undefined],
      ['retention', repository.retention],
      [
        'last sync',
        lastSync === null
          ? undefined
          : `${lastSync.finishedAt ?? lastSync.startedAt}   ${lastSync.result ?? 'under way'}${lastSync.message ? `\n${lastSync.message}` : ''}`,
      ],
      ['snapshots', repository.snapshots.join('\n')],
      ['latest', servedLong(repository)],
      ['published', repository.published ?? undefined],
    ],
  })
}
