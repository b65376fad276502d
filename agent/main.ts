/**
 * Starts an agent from four parts. One scope releases everything in reverse order, also after a
 * failed start. Runs continue without the agent, because the runner is a separate process.
 */
import { createStartGate } from '../protocols/rpc/starting.ts'
import type { Config } from '../shared/config/schema.ts'
import { composeNetwork, type Network } from './compose/network.ts'
import { composeReporting } from './compose/reporting.ts'
import { type AgentDeps, composeStores } from './compose/stores.ts'
import { composeSurfaces } from './compose/surfaces.ts'

export type { AgentDeps }

/**
 * A larger difference is logged. A greeting takes a few seconds at most, and the difference of
 * synchronised clocks is small.
 */
const MAX_CLOCK_OFFSET_MS = 60_000

export interface AgentOptions {
  readonly home: string
  readonly config: Config
  readonly signal: AbortSignal
  /** Called each time this host has connected as a member. */
  readonly onReady: (ready: { coordinator: string; gateway: string }) => void
  readonly onPending: (fingerprint: string) => void
}

/**
 * Runs until the signal aborts.
 * @throws agent.*, identity.*, node.listen, http.address-taken, socket.in-use, registry.revoked, …
 */
export async function runAgent(deps: AgentDeps, options: AgentOptions): Promise<void> {
  const { config, signal } = options
  await using scope = new AsyncDisposableStack()
  // Background work ends before the scope releases the parts that it uses.
  const ending = new AbortController()
  const working = AbortSignal.any([signal, ending.signal])
  try {
    const gate = createStartGate(deps)
    const stores = await composeStores(deps, { ...options, gate }, working, scope)
    const network = await composeNetwork({ ...deps, stores }, config, scope)
    const reporting = composeReporting({ ...deps, stores, network })
    const all = { ...deps, stores, network, reporting }
    const { content, gateway } = await composeSurfaces(all, { config, gate }, working, scope)
    await network.link.run(signal, {
      onConnected: async (coordinator) => {
        reportClock(deps, network, coordinator)
        await content.announce(working)
        options.onReady({ coordinator, gateway })
      },
      onPending: () => options.onPending(stores.key.fingerprint),
    })
  } finally {
    ending.abort(signal.reason)
  }
}

function reportClock({ log }: AgentDeps, { node }: Network, coordinator: string): void {
  const aheadMs = -(node.membership.clockOffset(coordinator) ?? 0)
  if (Math.abs(aheadMs) >= MAX_CLOCK_OFFSET_MS)
    log.warn({ coordinator, aheadMs }, "this host's clock differs from the coordinator's clock")
}
