/** Stores the newest version of a repository under a name. */
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import { publishedPath } from '../../../shared/repository-paths.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './create.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { repoId, name, description } = context.flags
  await withSession(context, async (session) => {
    const { results } = requireDone(
      await session.operate({
        verb: 'snapshot.create',
        targets: [repoId],
        arguments: { name, description },
      }),
    )
    const detail = results[0]?.detail ?? {}
    const of = detail['version'] === undefined ? '' : ` (version ${String(detail['version'])})`
    await context.note(
      `snapshot ${name} of ${repoId}${of} is served under ${publishedPath(repoId, name)}`,
    )
    const notes = detail['notes']
    for (const note of Array.isArray(notes) ? notes : []) await context.note(`${repoId}: ${note}`)
    if (typeof detail['pinned'] === 'string')
      await context.note(
        'it contains the newest version, which is not the version that latest serves: ' +
          `latest stays at snapshot ${detail['pinned']} (version ${String(detail['served'])})`,
      )
  })
}
