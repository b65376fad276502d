/** The host that a person means, whatever its state: pending and revoked ones too. */
import type { AgentRow } from '../protocols/control/messages.ts'
import type { Session } from './session.ts'

export async function chooseAgent(session: Session, text: string): Promise<AgentRow> {
  const { agents } = await session.ask('target.resolve', { on: [text] })
  const { agents: rows } = await session.ask('agent.list', {})
  return rows.find((row) => row.id === agents[0]?.id) as AgentRow
}
