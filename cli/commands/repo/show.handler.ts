/** Shows one repository. */
import type { RepositoryRow } from '../../../protocols/control/messages.ts'
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
      ['last sync', lastSync === null ? undefined : syncWords(lastSync)],
      ['snapshots', repository.snapshots.join('\n')],
      ['latest', servedLong(repository)],
      ['published', repository.published ?? undefined],
    ],
  })
}

function syncWords({
  finishedAt,
  startedAt,
  result,
  message,
}: NonNullable<RepositoryRow['lastSync']>): string {
  const line = `${finishedAt ?? startedAt}   ${result ?? 'in progress'}`
  return message ? `${line}\n${message}` : line
}
