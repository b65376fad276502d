/** Selects the version that `latest` serves. */
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './publish.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { repoId, snapshot } = context.flags
  await withSession(context, async (session) => {
    const { results } = requireDone(
      await session.operate({
        verb: 'repo.publish',
        targets: [repoId],
        arguments: snapshot === undefined ? {} : { snapshot },
      }),
    )
    const notes = results[0]?.detail['notes']
    for (const note of Array.isArray(notes) ? notes : []) await context.note(`${repoId}: ${note}`)
    const version = results[0]?.detail['served']
    const at = version === undefined ? '' : ` (version ${String(version)})`
    await context.note(
      snapshot === undefined
        ? `${repoId}/latest serves the newest version${at} and follows the next ones`
        : `${repoId}/latest serves snapshot ${snapshot}${at} and stays there; ` +
            `run \`muster repo publish --repo-id ${repoId}\` to follow the newest version again`,
    )
  })
}
