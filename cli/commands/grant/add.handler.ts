/** Grants a right to a key. */
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import { signGrant } from '../../nouns/grant.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './add.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  await withSession(context, async (session) => {
    const { grant, statement } = await signGrant(context, session, context.flags)
    requireDone(
      await session.operate({ verb: 'grant.add', targets: [], arguments: { grant: statement } }),
    )
    await context.printOne({
      value: grant,
      name: grant.id,
      fields: [
        ['grant', grant.id],
        ['to', grant.subject],
        ['namespace', grant.namespace],
        ['level', grant.level],
        ['until', grant.notAfter],
      ],
    })
  })
}
