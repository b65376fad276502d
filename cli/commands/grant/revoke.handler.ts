/** Revokes a grant and all grants that depend on it. */
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import { chooseGrant } from '../../nouns/choose-grant.ts'
import { signRevocation } from '../../nouns/revocation.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './revoke.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  await withSession(context, async (session) => {
    const grant = await chooseGrant(session, context.args.id)
    await context.confirm(
      `revokes the right to ${grant.level} ${grant.namespace} of ${grant.subject}`,
      context.flags.yes,
    )
    const revocation = await signRevocation(session, { kind: 'grant', target: grant.id })
    requireDone(
      await session.operate({ verb: 'grant.revoke', targets: [], arguments: { revocation } }),
    )
    await context.note(`grant ${grant.id} is revoked`)
  })
}
