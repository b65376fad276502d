/**
 * What the connection gate needs without waiting for the database: root, revocations and approved
 * peers as of a moment ago. Refreshed after every change made here, and now and then for changes
 * that other coordinators made; a certificate's own life bounds what staleness can cost.
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
 * Another coordinator's revocation holds here at the latest after this; the goal is five seconds
 * (I5).
 */
const REFRESH_MS = 3_000

export interface ApprovedHost {
  readonly peerId: string
  readonly name: string
  /** True if the host had been connected when the hosts were last read. */
  readonly wasConnected: boolean
}

export interface TrustCache {
  check(certificate: Signed): Certificate
  approved(peerId: string): boolean
  /** The approved hosts. */
  hosts(): readonly ApprovedHost[]
  /** Reads everything anew: what was there when this is called, or later. */
  refresh(): Promise<void>
  close(): void
}

export async function openTrustCache(deps: {
  access: Access
  agents: Agents
  clock: Clock
  log: Logger
  changed: () => void
}): Promise<TrustCache> {
  // Owned by read(): replaced as a whole.
  let state: {
    root: Root
    revocations: readonly AcceptedRevocation[]
    hosts: ReadonlyMap<string, ApprovedHost>
  }
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
    if (revoked) deps.changed()
  }
  // Owned by refresh(): the reading under way, and the one that begins after it. Two at once could
  // end in the wrong order, and what was revoked in between would count again.
  let current: Promise<void> | undefined
  let next: Promise<void> | undefined
  const refresh = (): Promise<void> => {
    if (current === undefined)
      return (current = read().finally(() => {
        current = undefined
      }))
    // The one under way may have read before the change that this is about.
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
      deps.log.error({ error }, 'the trust state cannot be read; what was known goes on to hold'),
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
    close: stop,
  }
}
