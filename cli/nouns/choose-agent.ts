/** Finds one host by the text that the user typed. Pending and revoked hosts are included. */
import { selectHost } from '../../coordinator/registry/selector.ts'
import type { AgentRow } from '../../protocols/control/messages.ts'
import { agentId } from '../../shared/ids.ts'
import { cliError } from '../terminal/errors.ts'
import type { Session } from '../session/session.ts'

/**
 * Rejects a text that selects a set: `agent revoke role=web` must not revoke only one of them.
 * @throws cli.usage, registry.unknown-host
 */
export async function chooseAgent(session: Session, text: string): Promise<AgentRow> {
  if (text === 'all' || text.includes('='))
    throw cliError('cli.usage', {
      reason: `expected one host, got ${JSON.stringify(text)}, which selects a set`,
      hint:
        'pass a name, an id, a key fingerprint or a unique prefix; ' +
        'run `muster agent list` to see them',
    })
  // Only one request, so that the command needs only one right.
  const { agents } = await session.ask('agent.list', {})
  return selectHost(
    agents.map((row) => ({ ...row, id: agentId.parse(row.id) })),
    text,
  )
}
