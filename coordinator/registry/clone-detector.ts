/**
 * Notices that two machines run as one host: a disk that was copied, key and all (ID-30). An agent
 * draws an instance id when it starts. A host that was started anew has a new one, and the old one
 * never comes back; two that take turns are two agents with one key. So whoever comes with another
 * instance ends the connections that were there: if somebody else is behind them, he is back within
 * seconds, and that is the proof.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'

export interface CloneDetectorDeps {
  readonly clock: Clock
  readonly log: Logger
  /** Ends every connection of the peer; an agent that lives dials again. */
  readonly hangUp: (peerId: string) => void
}

export interface Arrival {
  readonly peerId: string
  /** What the agent drew when it started. */
  readonly instance: string
  readonly address: string
  /** The peer has another connection than the one that this came over. */
  readonly elsewhere: boolean
}

export interface CloneDetector {
  /** An agent has been let in. */
  arrived(arrival: Arrival): void
  /** Addresses of the machines that run as this host; undefined where it is one. */
  of(peerId: string): readonly string[] | undefined
  close(): void
}

/** How often a host that was copied is asked to come back, to see whether it still is two. */
const CHECK_MS = 5 * 60_000
/** The answer to the one that just came in goes out first. */
const HANG_UP_MS = 250
/**
 * Earlier instances that are known again: a host whose agent is started more often meanwhile has
 * other troubles.
 */
const MAX_PAST = 32

interface Seen {
  readonly instance: string
  readonly address: string
}

interface Host {
  current: Seen
  /** Instances before it, and where each was last. */
  readonly past: Map<string, string>
  copied:
    | {
        addresses: readonly string[] /** Who came since the last check, and where. */
        readonly heard: Map<string, string>
      }
    | undefined
}

export function createCloneDetector(deps: CloneDetectorDeps): CloneDetector {
  // Owned by arrived() and check(). One entry a member: as many as the registry has.
  const hosts = new Map<string, Host>()

  const check = (): void => {
    for (const [peerId, host] of hosts) {
      const { copied } = host
      if (copied === undefined) continue
      if (copied.heard.size > 1) {
        copied.heard.clear()
        deps.hangUp(peerId)
      } else {
        host.copied = undefined
        deps.log.info({ peer: peerId }, 'a host that was copied is one again')
      }
    }
  }

  /** Makes the newcomer the current one. @returns whether it was that before */
  const takeTurns = (host: Host, seen: Seen): boolean => {
    const isBack = host.past.delete(seen.instance)
    host.past.set(host.current.instance, host.current.address)
    if (host.past.size > MAX_PAST) host.past.delete(host.past.keys().next().value as string)
    host.current = seen
    return isBack
  }

  const copy = (peerId: string, host: Host, seen: readonly Seen[]): void => {
    if (host.copied === undefined)
      deps.log.error(
        { peer: peerId, addresses: seen.map(({ address }) => address) },
        'two machines run as one host; no orders go to it',
      )
    const heard = host.copied?.heard ?? new Map<string, string>()
    for (const { instance, address } of seen) heard.set(instance, address)
    host.copied = {
      heard,
      addresses:
        heard.size > 1 || host.copied === undefined ? [...heard.values()] : host.copied.addresses,
    }
  }

  return {
    of: (peerId) => hosts.get(peerId)?.copied?.addresses,
    close: deps.clock.every(CHECK_MS, check),
    arrived({ peerId, instance, address, elsewhere }) {
      const seen = { instance, address }
      const host = hosts.get(peerId)
      if (host === undefined) {
        hosts.set(peerId, { current: seen, past: new Map(), copied: undefined })
        return
      }
      const before = host.current
      const isSame = before.instance === instance
      const isBack = !isSame && takeTurns(host, seen)
      if (isSame) host.current = seen
      if (isBack) copy(peerId, host, [before, seen])
      else if (host.copied !== undefined) copy(peerId, host, [seen])
      else if (!isSame && elsewhere) deps.clock.after(HANG_UP_MS, () => deps.hangUp(peerId))
    },
  }
}
