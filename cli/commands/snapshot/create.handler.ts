/** Keep the present state of a repository under a name. */
import { withSession } from '../../connect.ts'
import { requireDone } from '../../results.ts'
import type { CommandContext } from '../../context.ts'
import type { Flags } from './create.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { repoId, name, description } = context.flags
  await withSession(context, async (session) => {
    requireDone(
      await session.operate({
        verb: 'snapshot.create',
        targets: [repoId],
        arguments: { name, description },
      }),
    )
    await context.note(
      `snapshot ${name} of ${repoId} is served under /repos/${repoId}/snapshots/${name}/`,
    )
  })
}
