/**
 * What the coordinator does when hosts come and go: notes when it saw them, compares the log with
 * what they have seen of it, and asks them for the facts that it missed.
 */
import type { MusterNode } from '../../node/node.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { isOwnTrouble } from '../database/own-trouble.ts'
import type { Ingest } from '../inventory/ingest.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'

/** `lastSeen` of a connected host is at most this old: one write a host and minute. */
const SEEN_MS = 60_000

export interface MembersDeps {
  readonly node: MusterNode
  readonly agents: Agents
  readonly ingest: Ingest
  /** Compares the log with what the host has seen of it. */
  readonly witness: (agent: AgentRecord, signal: AbortSignal) => Promise<void>
  /** Finds out what became of orders to this host whose outcome is not known. */
  readonly settle: (agent: AgentRecord, signal: AbortSignal) => Promise<unknown>
  readonly clock: Clock
  readonly log: Logger
}

/** @returns a function that stops watching */
export function watchPresence(deps: MembersDeps, signal: AbortSignal): () => void {
  const { node, agents } = deps
  const logged = (work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      if (!signal.aborted) deps.log.warn({ error }, 'a host could not be noted')
    })
  }
  const seen = async (peerId: string): Promise<void> => {
    const agent = await agents.byPeer(peerId)
    if (agent !== undefined) await agents.recordContact(agent.id, deps.clock.now())
  }
  // Owned by takeUp() and the listeners: hosts of which a step failed for the coordinator's own
  // disk or database.
  const unfinished = new Set<string>()

  /** Each step by itself: one that fails keeps none of the others from being done. */
  const takeUp = async (agent: AgentRecord): Promise<void> => {
    unfinished.delete(agent.peerId)
    const step = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work()
      } catch (error) {
        if (signal.aborted) return
        deps.log.warn({ host: agent.name, error }, what)
        if (isOwnTrouble(error)) unfinished.add(agent.peerId)
      }
    }
    await step('when a host was seen was not written down', () =>
      agents.recordContact(agent.id, deps.clock.now()),
    )
    // Before the rest: after a restore it is the hosts that know how far the log was.
    await step('the log could not be compared with what a host has seen of it', () =>
      deps.witness(agent, signal),
    )
    await step('unknown outcomes were not settled', () => deps.settle(agent, signal))
    await step('the facts of a host were not pulled', () => deps.ingest.pull(agent, signal))
  }
  const arrived = async (peerId: string): Promise<void> => {
    if (node.peer(peerId)?.member?.role !== 'agent') return
    const agent = await agents.byPeer(peerId)
    if (agent?.status !== 'approved') return
    deps.log.info({ host: agent.name, address: node.peer(peerId)?.address }, 'host connected')
    await takeUp(agent)
  }
  const again = async (peerId: string): Promise<void> => {
    const agent = await agents.byPeer(peerId)
    if (agent?.status !== 'approved') return
    if (unfinished.has(peerId)) await takeUp(agent)
    else await agents.recordContact(agent.id, deps.clock.now())
  }
  const offs = [
    node.on('connect', (peerId) => logged(arrived(peerId))),
    node.on('disconnect', (peerId) => {
      unfinished.delete(peerId)
      logged(seen(peerId))
    }),
    deps.clock.every(SEEN_MS, () => {
      for (const peer of node.peers()) if (peer.member?.role === 'agent') logged(again(peer.id))
    }),
  ]
  return () => {
    for (const off of offs) off()
  }
}
