/** Shows one snapshot. */
import { formatSize } from '../../../shared/units.ts'
import { chooseSnapshot } from '../../nouns/choose-snapshot.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './show.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const snapshot = await withSession(context, (session) => chooseSnapshot(session, context.flags))
  await context.printOne({
    value: snapshot,
    name: snapshot.name,
    fields: [
      ['snapshot', snapshot.name],
      ['repository', snapshot.repository],
      ['created', snapshot.createdAt],
      ['packages', `${snapshot.packages}, ${formatSize(snapshot.bytes)}`],
      ['revision', snapshot.revision ?? undefined],
      ['description', snapshot.description],
    ],
  })
}
