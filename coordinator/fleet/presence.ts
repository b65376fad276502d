/**
 * Follows which hosts are connected. When a host connects, the coordinator records the contact,
 * compares the log with the host's checkpoint, settles unknown outcomes, and pulls missing facts.
 */
import type { MusterNode } from '../../node/node.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { isOwnTrouble } from '../database/own-trouble.ts'
import type { Ingest } from '../inventory/ingest.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'

/**
 * The maximum age of `lastSeen` of a connected host. It costs one write for each host in a minute.
 */
const SEEN_MS = 60_000

export interface PresenceDeps {
  readonly node: MusterNode
  readonly agents: Agents
  readonly ingest: Ingest
  /** Compares the log with the checkpoint that the host holds. */
  readonly witness: (agent: AgentRecord, signal: AbortSignal) => Promise<void>
  /** Asks the host for its outcomes of intents that the log has as `unknown`. */
  readonly settle: (agent: AgentRecord, signal: AbortSignal) => Promise<unknown>
  readonly clock: Clock
  readonly log: Logger
}

/** Watches the connections of hosts. @returns a function that stops this */
export function watchPresence(deps: PresenceDeps, signal: AbortSignal): () => void {
  const { node, clock, log } = deps
  const arrivals = new Arrivals(deps, signal)
  const logFailure = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      if (!signal.aborted) log.warn({ error }, 'the presence of a host was not recorded')
    })
  }
  const stops = [
    node.on('connect', (peerId) => logFailure(arrivals.connected(peerId))),
    node.on('disconnect', (peerId) => logFailure(arrivals.disconnected(peerId))),
    clock.every(SEEN_MS, () => {
      for (const { id, member } of node.peers())
        if (member?.role === 'agent') logFailure(arrivals.stillConnected(id))
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

class Arrivals {
  readonly #deps: PresenceDeps
  readonly #signal: AbortSignal
  /**
   * The peer ids of hosts with a step that failed because of the coordinator's own disk or
   * database.
   */
  readonly #unfinished = new Set<string>()

  constructor(deps: PresenceDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
  }

  async connected(peerId: string): Promise<void> {
    const { node, log } = this.#deps
    const peer = node.peer(peerId)
    if (peer?.member?.role !== 'agent') return
    const agent = await this.#approved(peerId)
    if (agent === undefined) return
    log.info({ host: agent.name, address: peer.address }, 'host connected')
    await this.#receive(agent)
  }

  async disconnected(peerId: string): Promise<void> {
    this.#unfinished.delete(peerId)
    const agent = await this.#deps.agents.byPeer(peerId)
    if (agent !== undefined) await this.#recordContact(agent)
  }

  async stillConnected(peerId: string): Promise<void> {
    const agent = await this.#approved(peerId)
    if (agent === undefined) return
    if (this.#unfinished.has(peerId)) await this.#receive(agent)
    else await this.#recordContact(agent)
  }

  async #approved(peerId: string): Promise<AgentRecord | undefined> {
    const agent = await this.#deps.agents.byPeer(peerId)
    return agent?.status === 'approved' ? agent : undefined
  }

  #recordContact(agent: AgentRecord): Promise<void> {
    return this.#deps.agents.recordContact(agent.id, this.#deps.clock.now())
  }

  async #receive(agent: AgentRecord): Promise<void> {
    const { witness, settle, ingest } = this.#deps
    this.#unfinished.delete(agent.peerId)
    await this.#step(agent, 'the contact of a host was not recorded', () =>
      this.#recordContact(agent),
    )
    // This comes first: if an old database was restored, only the hosts have a record of the lost
    // entries.
    await this.#step(agent, "the log was not compared with a host's checkpoint", () =>
      witness(agent, this.#signal),
    )
    await this.#step(agent, 'unknown outcomes were not settled', () => settle(agent, this.#signal))
    await this.#step(agent, 'the facts of a host were not pulled', () =>
      ingest.pull(agent, this.#signal),
    )
  }

  /** Runs one step. If it fails, the next steps still run. */
  async #step(agent: AgentRecord, failure: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (this.#signal.aborted) return
      this.#deps.log.warn({ host: agent.name, error }, failure)
      if (isOwnTrouble(error)) this.#unfinished.add(agent.peerId)
    }
  }
}
