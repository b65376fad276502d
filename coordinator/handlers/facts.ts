/**
 * The coordinator's side of `/muster/facts/1`: hosts that send instead of being asked, such as
 * `muster agent facts --once` from cron.
 */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import type { facts } from '../../protocols/facts/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Caller } from '../../protocols/rpc/peer.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { MAX_SET_BYTES } from '../../shared/facts/package-set.ts'
import type { FactStore } from '../inventory/fact-store.ts'
import { inventoryError } from '../inventory/errors.ts'
import type { Ingest } from '../inventory/ingest.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'

export function factsServiceHandlers(deps: {
  ingest: Ingest
  store: FactStore
  agents: Agents
}): Handlers<typeof facts> {
  const callingHost = async (caller: Caller): Promise<AgentRecord> => {
    const agent = caller.kind === 'member' ? await deps.agents.byPeer(caller.peerId) : undefined
    if (agent?.status === 'approved') return agent
    throw inventoryError('inventory.not-theirs', { host: caller.name })
  }
  return {
    // Facts flow from hosts; nobody pulls a coordinator's.
    pull: async () => {
      throw wireError('protocol.unsupported', { what: 'facts pull on a coordinator' })
    },
    async report(reported, { caller }) {
      await deps.ingest.reportCollection(await callingHost(caller), reported)
      return {}
    },
    async push({ update, ...reported }, { caller, upload }) {
      const agent = await callingHost(caller)
      await deps.ingest.reportCollection(agent, reported)
      const parts: Uint8Array[] = []
      let bytes = 0
      for await (const part of upload) {
        bytes += part.length
        if (bytes > MAX_SET_BYTES)
          throw factsRefusal('inventory.refused', {
            host: agent.name,
            reason: `the set is larger than ${MAX_SET_BYTES} bytes`,
          })
        parts.push(part.slice())
      }
      const { result } = await deps.ingest.accept(
        agent,
        deps.ingest.verify(update),
        bytes > 0 ? Buffer.concat(parts) : undefined,
      )
      const state = await deps.store.state(agent.id)
      return { result, epoch: state?.epoch ?? 0, sequence: state?.sequence ?? 0 }
    },
  }
}
