/** Lists the hosts of the fleet. */
import { agentColumns } from '../../nouns/agent-columns.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const { agents } = await withSession(context, (session) => session.ask('agent.list', {}))
  await context.printList({ rows: agents, name: (agent) => agent.name, columns: agentColumns })
}
