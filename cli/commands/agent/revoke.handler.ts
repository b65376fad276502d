/** Take a host out of the fleet for good. */
import { chooseAgent } from '../../choose-agent.ts'
import { withSession } from '../../connect.ts'
import { requireDone } from '../../results.ts'
import { signRevocation } from '../../revocation.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './revoke.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  await withSession(context, async (session) => {
    const agent = await chooseAgent(session, context.args.host)
    await context.confirm(`revokes ${agent.name} for good`, context.flags.yes)
    const revocation = await signRevocation(session, { kind: 'agent', target: agent.id })
    requireDone(await session.operate({ verb: 'agent.revoke', targets: [agent.id], arguments: { revocation } }))
    await context.note(`${agent.name} is revoked`)
  })
}
