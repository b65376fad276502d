/**
 * Detects that two machines run as one host, because a disk was copied with its key (ID-30). An
 * agent chooses a random instance id at each start, so an old id never returns. If an old id
 * returns, two agents use one key. If a new id connects while the host has another connection, the
 * coordinator closes all connections of the host. A second agent then reconnects within seconds,
 * which proves the copy.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'

export interface CloneDetectorDeps {
  readonly clock: Clock
  readonly log: Logger
  /** Closes every connection of the peer. A running agent reconnects. */
  readonly disconnect: (peerId: string) => void
}

export interface Arrival {
  readonly peerId: string
  /** The id that the agent chose when it started. */
  readonly instance: string
  readonly address: string
  /** True if the peer is also connected from another address. */
  readonly elsewhere: boolean
}

export interface CloneDetector {
  /** Records that an agent was admitted. */
  recordArrival(arrival: Arrival): void
  /**
   * Returns the addresses of the machines that run as this host. Undefined if there is only one.
   */
  of(peerId: string): readonly string[] | undefined
  close(): void
}

/** The interval at which a copied host is disconnected, to check whether two agents return. */
const CHECK_MS = 5 * 60_000
/**
 * The delay of the disconnection. The coordinator must first send its response to the new
 * connection.
 */
const DISCONNECT_AFTER_MS = 250
/**
 * The number of earlier instances that are remembered for each host. A healthy agent restarts less
 * often between two checks.
 */
const MAX_PAST = 32

interface Seen {
  readonly instance: string
  readonly address: string
}

interface Host {
  current: Seen
  /** The earlier instances, each with its last address. */
  readonly past: Map<string, string>
  copies: Copies | undefined
}

interface Copies {
  readonly addresses: readonly string[]
  /** The instances that connected since the last check, and their addresses. */
  readonly seenSinceCheck: Map<string, string>
}

export function createCloneDetector({ clock, log, disconnect }: CloneDetectorDeps): CloneDetector {
  // Owned by recordArrival() and check(). It has one entry for each approved host, so the number of
  // hosts limits its size.
  const hosts = new Map<string, Host>()

  const check = (): void => {
    for (const [peer, host] of hosts) {
      if (host.copies === undefined) continue
      if (host.copies.seenSinceCheck.size > 1) {
        host.copies.seenSinceCheck.clear()
        disconnect(peer)
      } else {
        host.copies = undefined
        log.info({ peer }, 'the host runs on one machine again')
      }
    }
  }

  return {
    of: (peerId) => hosts.get(peerId)?.copies?.addresses,
    close: clock.every(CHECK_MS, check),
    recordArrival({ peerId: peer, instance, address, elsewhere }) {
      const seen = { instance, address }
      const host = hosts.get(peer)
      if (host === undefined) {
        hosts.set(peer, { current: seen, past: new Map(), copies: undefined })
        return
      }
      const before = host.current
      const change = makeCurrent(host, seen)
      if (change === 'returned' && host.copies === undefined)
        log.error(
          { peer, addresses: [before.address, address] },
          'two machines run as one host; the coordinator sends it nothing',
        )
      if (change === 'returned') host.copies = addCopies(host.copies, [before, seen])
      else if (host.copies !== undefined) host.copies = addCopies(host.copies, [seen])
      else if (change === 'new' && elsewhere)
        clock.after(DISCONNECT_AFTER_MS, () => disconnect(peer))
    },
  }
}

/**
 * Makes the arrival the current instance. If an instance returns after another one, the host is
 * copied.
 */
function makeCurrent(host: Host, seen: Seen): 'same' | 'new' | 'returned' {
  const { current, past } = host
  host.current = seen
  if (current.instance === seen.instance) return 'same'
  const isBack = past.delete(seen.instance)
  past.set(current.instance, current.address)
  const [oldest] = past.keys()
  if (oldest !== undefined && past.size > MAX_PAST) past.delete(oldest)
  return isBack ? 'returned' : 'new'
}

/**
 * Adds instances. The last known addresses stay until two instances have connected since the check.
 */
function addCopies(before: Copies | undefined, seen: readonly Seen[]): Copies {
  const seenSinceCheck = before?.seenSinceCheck ?? new Map<string, string>()
  for (const { instance, address } of seen) seenSinceCheck.set(instance, address)
  const isComplete = before === undefined || seenSinceCheck.size > 1
  return {
    seenSinceCheck,
    addresses: isComplete ? [...seenSinceCheck.values()] : before.addresses,
  }
}
