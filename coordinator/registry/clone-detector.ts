/**
 * Detects that two machines run as one host, because a disk was copied with its key (ID-30). An
 * agent draws an instance id when it starts. After a restart the id is new, and the old one never
 * comes back. Two ids that alternate are two agents with one key. A new instance therefore closes
 * the existing connections: if another agent holds them, it reconnects within seconds, and that
 * proves the copy.
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
  /** The id that the agent drew when it started. */
  readonly instance: string
  readonly address: string
  /** The peer has another connection beside the one that this arrival used. */
  readonly elsewhere: boolean
}

export interface CloneDetector {
  /** Call it when an agent was admitted. */
  recordArrival(arrival: Arrival): void
  /** Addresses of the machines that run as this host; undefined if there is only one. */
  of(peerId: string): readonly string[] | undefined
  close(): void
}

/** How often a copied host is disconnected, to see whether there are still two. */
const CHECK_MS = 5 * 60_000
/** Lets the answer to the new connection go out first. */
const DISCONNECT_AFTER_MS = 250
/**
 * Earlier instances that are remembered for each host. An agent that restarts more often than this
 * between two checks has other problems.
 */
const MAX_PAST = 32

interface Seen {
  readonly instance: string
  readonly address: string
}

interface Host {
  current: Seen
  /** Earlier instances, and the last address of each. */
  readonly past: Map<string, string>
  copied:
    | {
        addresses: readonly string[]
        /** The instances that connected since the last check, and their addresses. */
        readonly seenSinceCheck: Map<string, string>
      }
    | undefined
}

export function createCloneDetector(deps: CloneDetectorDeps): CloneDetector {
  // Owned by recordArrival() and check(). One entry for each member, so the registry bounds it.
  const hosts = new Map<string, Host>()

  const check = (): void => {
    for (const [peerId, host] of hosts) {
      const { copied } = host
      if (copied === undefined) continue
      if (copied.seenSinceCheck.size > 1) {
        copied.seenSinceCheck.clear()
        deps.disconnect(peerId)
      } else {
        host.copied = undefined
        deps.log.info({ peer: peerId }, 'the host runs on one machine again')
      }
    }
  }

  /** Makes the newcomer the current instance. @returns whether it was current before */
  const makeCurrent = (host: Host, seen: Seen): boolean => {
    const isBack = host.past.delete(seen.instance)
    host.past.set(host.current.instance, host.current.address)
    if (host.past.size > MAX_PAST) host.past.delete(host.past.keys().next().value as string)
    host.current = seen
    return isBack
  }

  const markCopied = (peerId: string, host: Host, seen: readonly Seen[]): void => {
    if (host.copied === undefined)
      deps.log.error(
        { peer: peerId, addresses: seen.map(({ address }) => address) },
        'two machines run as one host; the coordinator sends it nothing',
      )
    const seenSinceCheck = host.copied?.seenSinceCheck ?? new Map<string, string>()
    for (const { instance, address } of seen) seenSinceCheck.set(instance, address)
    host.copied = {
      seenSinceCheck,
      addresses:
        seenSinceCheck.size > 1 || host.copied === undefined
          ? [...seenSinceCheck.values()]
          : host.copied.addresses,
    }
  }

  return {
    of: (peerId) => hosts.get(peerId)?.copied?.addresses,
    close: deps.clock.every(CHECK_MS, check),
    recordArrival({ peerId, instance, address, elsewhere }) {
      const seen = { instance, address }
      const host = hosts.get(peerId)
      if (host === undefined) {
        hosts.set(peerId, { current: seen, past: new Map(), copied: undefined })
        return
      }
      const before = host.current
      const isSame = before.instance === instance
      const isBack = !isSame && makeCurrent(host, seen)
      if (isSame) host.current = seen
      if (isBack) markCopied(peerId, host, [before, seen])
      else if (host.copied !== undefined) markCopied(peerId, host, [seen])
      else if (!isSame && elsewhere)
        deps.clock.after(DISCONNECT_AFTER_MS, () => deps.disconnect(peerId))
    },
  }
}
