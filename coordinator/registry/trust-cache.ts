/**
 * Caches the trust state: root, revocations and approved peers. The node checks each connection
 * with it, without a database query. The cache is refreshed after every local change, and regularly
 * for changes of other coordinators. The lifetime of certificates limits the effect of an old
 * state.
 */
import type { Clock } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import { shareRuns } from '../../shared/concurrency/shared-run.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Certificate } from '../../shared/trust/certificate.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import type { AcceptedRevocation } from '../../shared/trust/revocations.ts'
import type { Root } from '../../shared/trust/root.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Access } from './access.ts'
import type { Agents } from './agents.ts'

/**
 * The longest time until this coordinator applies a revocation of another one. The goal is five
 * seconds (I5).
 */
const REFRESH_MS = 3_000

export interface ApprovedHost {
  readonly peerId: string
  readonly name: string
  /** True if the host had connected at least once when the hosts were last read. */
  readonly wasConnected: boolean
}

export interface TrustCache {
  check(certificate: Signed): Certificate
  approved(peerId: string): boolean
  /** Returns the approved hosts. */
  hosts(): readonly ApprovedHost[]
  /** Reads everything again. Resolves when the cache is at least as new as this call. */
  refresh(): Promise<void>
  /**
   * Calls the listener after the revocations or the root have changed. Returns a function that
   * removes the listener.
   */
  onChanged(listener: () => void): () => void
  close(): void
}

export interface TrustCacheDeps {
  readonly access: Access
  readonly agents: Agents
  readonly clock: Clock
  readonly log: Logger
}

export async function openTrustCache(deps: TrustCacheDeps): Promise<TrustCache> {
  const { clock, log } = deps
  const listeners = new Set<() => void>()
  // Owned by refresh(), which replaces the whole value.
  let known = await readKnownTrust(deps)
  // Reads run one after the other. Concurrent reads could end in the wrong order, and a revoked
  // host would be accepted again.
  const refresh = shareRuns(createLane({ name: 'reads of the trust state' }), async () => {
    const before = known
    known = await readKnownTrust(deps)
    if (isTrustChanged(before, known)) for (const listener of listeners) listener()
  })
  const close = clock.every(REFRESH_MS, () => {
    refresh().catch((error: unknown) =>
      log.error({ error }, 'the trust state cannot be read; the last known state stays in force'),
    )
  })
  return {
    check: (certificate) => {
      const { root, revocations } = known
      return checkCertificate(certificate, { root, revocations, at: clock.now() })
    },
    approved: (peerId) => known.hosts.has(peerId),
    hosts: () => [...known.hosts.values()],
    refresh,
    onChanged: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close,
  }
}

interface KnownTrust {
  readonly root: Root
  readonly revocations: readonly AcceptedRevocation[]
  /** The approved hosts by peer id. */
  readonly hosts: ReadonlyMap<string, ApprovedHost>
}

async function readKnownTrust({ access, agents }: TrustCacheDeps): Promise<KnownTrust> {
  const { root, revocations } = await access.state()
  const approved = (await agents.list())
    .filter((agent) => agent.status === 'approved')
    .map(({ peerId, name, lastSeen }) => ({ peerId, name, wasConnected: lastSeen !== null }))
  return { root, revocations, hosts: new Map(approved.map((host) => [host.peerId, host])) }
}

function isTrustChanged(before: KnownTrust, after: KnownTrust): boolean {
  return (
    after.revocations.length !== before.revocations.length ||
    after.root.version !== before.root.version
  )
}
