/** Rejects a host that waits. */
import { chooseAgent } from '../../nouns/choose-agent.ts'
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './reject.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  await withSession(context, async (session) => {
    const agent = await chooseAgent(session, context.args.host)
    requireDone(
      await session.operate({ verb: 'enroll.reject', targets: [agent.id], arguments: {} }),
    )
    await context.note(`${agent.name} is rejected`)
  })
}
