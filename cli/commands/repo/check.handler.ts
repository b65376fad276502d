/** Checks whether the upstream has changes. Exits with 100 if it has. */
import { EXIT } from '../../../shared/exit-codes.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './check.ts'

export async function handle(context: CommandContext<Flags>): Promise<number> {
  const { repoId } = context.flags
  const checked = await withSession(context, (session) =>
    session.ask('repo.check', repoId === undefined ? {} : { repository: repoId }),
  )
  await context.printOne({
    value: checked,
    name: checked.changed.join('\n'),
    fields: [
      ['changed', checked.changed.join('\n')],
      ['unchanged', checked.unchanged.join('\n')],
    ],
  })
  return checked.changed.length > 0 ? EXIT.upstreamChanged : EXIT.done
}
