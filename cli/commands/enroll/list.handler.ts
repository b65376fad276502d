/** Lists the hosts that wait for approval. */
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const { agents } = await withSession(context, (session) => session.ask('agent.list', {}))
  await context.printList({
    rows: agents.filter((agent) => agent.status === 'pending'),
    name: (agent) => agent.id,
    columns: [
      { header: 'name', value: (agent) => agent.name },
      { header: 'fingerprint', value: (agent) => agent.fingerprint },
      { header: 'version', value: (agent) => agent.version ?? undefined },
      { header: 'id', value: (agent) => agent.id, wide: true },
    ],
  })
}
