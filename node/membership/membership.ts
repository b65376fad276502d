/**
 * Who the connected peers are: members with a checked certificate, or strangers. A membership is
 * read anew for every request and ends with the certificate, a revocation or a newer epoch. Nothing
 * here trusts a peer's word: a certificate counts only for the key that the connection proved.
 */
import type { Clock } from '../../shared/clock.ts'
import { parseRfc3339 } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Certificate } from '../../shared/trust/certificate.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { fromWire, toWire } from '../../shared/trust/transport.ts'
import { CAPABILITY_NUMBER } from '../../protocols/capability.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Greeting, GreetingAnswer, Trouble } from '../../protocols/hello/messages.ts'
import type { hello } from '../../protocols/hello/protocol.ts'
import type { Member } from '../../protocols/rpc/peer.ts'
import { nodeError } from '../ground/errors.ts'

/**
 * What a node knows of certificates: its own, and how to check another's (root, issuing keys,
 * revocations, time).
 */
export interface Credentials {
  /** Undefined before enrolment, and for operators. */
  own(): Signed | undefined
  /** The body of a good certificate; throws an error of trust.* for any other. */
  check(certificate: Signed): Certificate
}

/**
 * Memberships that are remembered after their connections ended, so that members come back through
 * a crowd of strangers.
 */
const MAX_REMEMBERED_MEMBERS = 10_000
/**
 * What strangers said of themselves: more than may be connected at once. They have a place of their
 * own, because anybody can make keys and greet: thousands of such greetings must not push out a
 * member who is connected.
 */
const MAX_REMEMBERED_STRANGERS = 1_000

export interface Membership {
  /** The peer's membership at this moment; undefined for strangers. */
  member(peer: string): Member | undefined
  /** What the peer's program understands; 0 if it did not say. */
  capability(peer: string): number
  /**
   * Milliseconds by which the peer's clock was ahead at its last greeting; undefined if it did not
   * greet.
   */
  clockOffset(peer: string): number | undefined
  /** What the peer's last greeting reported to be wrong with its machine. */
  trouble(peer: string): Trouble | undefined
  /** What this node says of itself. */
  introduce(): Greeting
  /**
   * Takes what a peer said of itself. Returns the code of the refusal if its certificate was not
   * accepted.
   */
  learn(peer: string, greeting: Greeting): string | undefined
  /** The answering side of hello. */
  readonly handlers: Handlers<typeof hello>
  /**
   * Checks every remembered certificate again, after a revocation or a new root. Returns the peers
   * that are members no longer.
   */
  recheck(): string[]
  /**
   * Calls `listener` when a peer becomes a member (`member`), is one with another certificate
   * (`member`), or stops being one (`stranger`).
   */
  onChange(listener: (peer: string, standing: 'member' | 'stranger') => void): () => void
}

interface Entry {
  certificate: Signed | undefined
  member: Member | undefined
  capability: number
  clockOffset: number
  trouble: Trouble | undefined
}

export function createMembership(
  deps: { clock: Clock; log: Logger },
  options: {
    credentials: Credentials
    version: string
    trouble?: () => Trouble | undefined
  },
): Membership {
  // A peer is in one of them; the order of each is that of the last greeting, oldest first.
  const members = new Map<string, Entry>()
  const strangers = new Map<string, Entry>()
  const entryOf = (peer: string): Entry | undefined => members.get(peer) ?? strangers.get(peer)
  const listeners = new Set<(peer: string, standing: 'member' | 'stranger') => void>()
  const tell = (peer: string, standing: 'member' | 'stranger'): void => {
    for (const listener of listeners) listener(peer, standing)
  }
  const place = (peer: string, entry: Entry): void => {
    members.delete(peer)
    strangers.delete(peer)
    const [map, limit] =
      entry.member === undefined
        ? [strangers, MAX_REMEMBERED_STRANGERS]
        : [members, MAX_REMEMBERED_MEMBERS]
    map.set(peer, entry)
    if (map.size > limit) map.delete(map.keys().next().value as string)
  }
  const forget = (peer: string, entry: Entry): void => {
    entry.member = undefined
    entry.certificate = undefined
    place(peer, entry)
    tell(peer, 'stranger')
  }
  const current = (peer: string): Member | undefined => {
    const entry = members.get(peer)
    if (entry?.member === undefined) return undefined
    if (deps.clock.now() < entry.member.notAfter) return entry.member
    deps.log.info({ peer, name: entry.member.name }, 'certificate expired')
    forget(peer, entry)
    return undefined
  }
  const accept = (peer: string, signed: Signed, known: Entry | undefined): Member => {
    const member = toMember(peer, options.credentials.check(signed))
    const seen = known?.member
    if (seen !== undefined && member.epoch < seen.epoch)
      throw nodeError('node.stale-certificate', { peer, epoch: member.epoch, seen: seen.epoch })
    return member
  }
  const learn = (peer: string, greeting: Greeting): string | undefined => {
    const known = entryOf(peer)
    const entry: Entry = known ?? {
      certificate: undefined,
      member: undefined,
      capability: 0,
      clockOffset: 0,
      trouble: undefined,
    }
    entry.capability = greeting.capability
    entry.clockOffset = greeting.at - deps.clock.now()
    entry.trouble = greeting.trouble
    place(peer, entry)
    if (greeting.certificate === undefined) {
      if (entry.member !== undefined) forget(peer, entry)
      return undefined
    }
    try {
      const signed = fromWire(greeting.certificate)
      entry.member = accept(peer, signed, known)
      entry.certificate = signed
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      deps.log.info({ peer, error }, 'certificate not accepted')
      return error.code
    }
    place(peer, entry)
    tell(peer, 'member')
    return undefined
  }
  const introduce = (): Greeting => {
    const own = options.credentials.own()
    const certificate = own === undefined ? {} : { certificate: toWire(own) }
    const trouble = options.trouble?.()
    return {
      ...certificate,
      ...(trouble === undefined ? {} : { trouble }),
      capability: CAPABILITY_NUMBER,
      at: Math.round(deps.clock.now()),
      version: options.version,
    }
  }
  return {
    member: current,
    capability: (peer) => entryOf(peer)?.capability ?? 0,
    clockOffset: (peer) => entryOf(peer)?.clockOffset,
    trouble: (peer) => entryOf(peer)?.trouble,
    introduce,
    learn,
    handlers: {
      greet: async (greeting, { peer }): Promise<GreetingAnswer> => {
        const refused = learn(peer.peerId as string, greeting)
        return refused === undefined ? introduce() : { ...introduce(), refused }
      },
    },
    recheck: () => {
      const lost: string[] = []
      for (const [peer, entry] of members) {
        if (entry.certificate === undefined) continue
        try {
          entry.member = toMember(peer, options.credentials.check(entry.certificate))
        } catch (error) {
          deps.log.info({ peer, error }, 'membership ended')
          forget(peer, entry)
          lost.push(peer)
        }
      }
      return lost
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The member that a checked certificate makes of the peer, if it is that peer's certificate. */
function toMember(peer: string, certificate: Certificate): Member {
  const subject = peerIdOfKey(Buffer.from(certificate.subject, 'base64'))
  if (subject !== peer) throw nodeError('node.borrowed-certificate', { peer, subject })
  return {
    role: certificate.role,
    name: certificate.name,
    agent: certificate.agent ?? undefined,
    labels: certificate.labels,
    epoch: certificate.epoch,
    notAfter: parseRfc3339(certificate.notAfter),
  }
}
