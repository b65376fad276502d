/**
 * The trust state that the connection gate needs without a database query: root, revocations and
 * approved peers. It is refreshed after every local change, and regularly for changes of other
 * coordinators. The lifetime of certificates bounds the damage of a stale state.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Certificate } from '../../shared/trust/certificate.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import type { AcceptedRevocation } from '../../shared/trust/revocations.ts'
import type { Root } from '../../shared/trust/root.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Access } from './access.ts'
import type { Agents } from './agents.ts'

/**
 * The longest time until another coordinator's revocation holds here; the goal is five seconds
 * (I5).
 */
const REFRESH_MS = 3_000

export interface ApprovedHost {
  readonly peerId: string
  readonly name: string
  /** True if the host had ever been connected when the hosts were last read. */
  readonly wasConnected: boolean
}

export interface TrustCache {
  check(certificate: Signed): Certificate
  approved(peerId: string): boolean
  /** The approved hosts. */
  hosts(): readonly ApprovedHost[]
  /** Reads everything again. The result is at least as new as the call. */
  refresh(): Promise<void>
  /**
   * Called after a reading with other revocations or another root. Returns a function that ends
   * this.
   */
  onChanged(listener: () => void): () => void
  close(): void
}

export async function openTrustCache(deps: {
  access: Access
  agents: Agents
  clock: Clock
  log: Logger
}): Promise<TrustCache> {
  // Owned by read(): replaced as a whole.
  let state: {
    root: Root
    revocations: readonly AcceptedRevocation[]
    hosts: ReadonlyMap<string, ApprovedHost>
  }
  const listeners = new Set<() => void>()
  const read = async (): Promise<void> => {
    const { root, revocations } = await deps.access.state()
    const hosts = new Map(
      (await deps.agents.list())
        .filter((agent) => agent.status === 'approved')
        .map(({ peerId, name, lastSeen }) => [
          peerId,
          { peerId, name, wasConnected: lastSeen !== null },
        ]),
    )
    const revoked =
      state !== undefined &&
      (revocations.length !== state.revocations.length || root.version !== state.root.version)
    state = { root, revocations, hosts }
    if (revoked) for (const listener of listeners) listener()
  }
  // Owned by refresh(): the current read, and the one that follows it. Two reads at once could end
  // in the wrong order, and a revoked host would be accepted again.
  let current: Promise<void> | undefined
  let next: Promise<void> | undefined
  const refresh = (): Promise<void> => {
    if (current === undefined)
      return (current = read().finally(() => {
        current = undefined
      }))
    // The current read may have begun before the change that this call is about.
    return (next ??= current
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return refresh()
      }))
  }
  await refresh()
  const stop = deps.clock.every(REFRESH_MS, () => {
    refresh().catch((error: unknown) =>
      deps.log.error(
        { error },
        'the trust state cannot be read; the last known state stays in force',
      ),
    )
  })
  return {
    check: (certificate) =>
      checkCertificate(certificate, {
        root: state.root,
        revocations: state.revocations,
        at: deps.clock.now(),
      }),
    approved: (peerId) => state.hosts.has(peerId),
    hosts: () => [...state.hosts.values()],
    refresh,
    onChanged: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: stop,
  }
}
