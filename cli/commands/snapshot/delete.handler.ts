/** Deletes a snapshot. */
import { chooseSnapshot } from '../../nouns/choose-snapshot.ts'
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './delete.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  await withSession(context, async (session) => {
    const { name, repository } = await chooseSnapshot(session, context.flags)
    await context.confirm(`deletes snapshot ${name} of ${repository}`, context.flags.yes)
    requireDone(
      await session.operate({
        verb: 'snapshot.delete',
        targets: [repository],
        arguments: { name },
      }),
    )
    await context.note(`snapshot ${name} of ${repository} is deleted`)
  })
}
