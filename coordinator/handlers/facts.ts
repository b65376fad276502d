/**
 * Serves `/muster/facts/1` on the coordinator. It accepts facts that hosts send without a request,
 * such as `muster agent facts --once` from cron.
 */
import type { facts } from '../../protocols/facts/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Caller } from '../../protocols/rpc/peer.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { FactStore } from '../inventory/fact-store.ts'
import { inventoryError } from '../inventory/errors.ts'
import type { Ingest } from '../inventory/ingest.ts'
import { SetBuffer } from '../inventory/set-buffer.ts'
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
    // Only hosts have facts, so the coordinator rejects a pull.
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
      const set = new SetBuffer(agent.name)
      for await (const part of upload) set.add(part)
      const { result } = await deps.ingest.accept(agent, deps.ingest.verify(update), set.join())
      const state = await deps.store.state(agent.id)
      return { result, epoch: state?.epoch ?? 0, sequence: state?.sequence ?? 0 }
    },
  }
}
