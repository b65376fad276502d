/** Switch what `latest` serves. */
import { withSession } from '../../connect.ts'
import { requireDone } from '../../results.ts'
import type { CommandContext } from '../../context.ts'
import type { Flags } from './publish.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { repoId, snapshot } = context.flags
  await withSession(context, async (session) => {
    requireDone(
      await session.operate({
        verb: 'repo.publish',
        targets: [repoId],
        arguments: snapshot === undefined ? {} : { snapshot },
      }),
    )
    await context.note(
      `${repoId}/latest now serves ${snapshot === undefined ? 'the newest synced state' : `snapshot ${snapshot}`}`,
    )
  })
}
