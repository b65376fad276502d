/** The one host that a person means, whatever its state: pending and revoked ones too. */
import { selectHost } from '../../coordinator/registry/selector.ts'
import type { AgentRow } from '../../protocols/control/messages.ts'
import { agentId } from '../../shared/ids.ts'
import { cliError } from '../terminal/errors.ts'
import type { Session } from '../session/session.ts'

/**
 * @throws cli.usage for what means a set, even one of a single host: whoever revokes `role=web`
 * must not hit the first of them; registry.unknown-host
 */
export async function chooseAgent(session: Session, text: string): Promise<AgentRow> {
  if (text === 'all' || text.includes('='))
    throw cliError('cli.usage', {
      reason: `${JSON.stringify(text)} means a set of hosts, and one host is needed here`,
      hint: 'give a name, an id, a key fingerprint, or a unique prefix; muster agent list shows them',
    })
  // One question, so that one right is enough and a refusal names it.
  const { agents } = await session.ask('agent.list', {})
  return selectHost(
    agents.map((row) => ({ ...row, id: agentId.parse(row.id) })),
    text,
  )
}
