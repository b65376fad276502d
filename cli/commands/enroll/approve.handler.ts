/** Approves a host that waits. */
import { chooseAgent } from '../../nouns/choose-agent.ts'
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './approve.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  await withSession(context, async (session) => {
    const agent = await chooseAgent(session, context.args.host)
    requireDone(
      await session.operate({
        verb: 'enroll.approve',
        targets: [agent.id],
        arguments: { labels: { ...context.flags.label } },
      }),
    )
    await context.note(`${agent.name} is approved; it connects within seconds`)
  })
}
