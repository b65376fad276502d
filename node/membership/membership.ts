/**
 * Decides whether a peer is a member with a checked certificate, or a stranger. A membership ends
 * with its certificate, a revocation or a newer epoch, so each request checks it again. A
 * certificate counts only for the key that the connection proved.
 */
import { type Clock, parseRfc3339 } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
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
import { type Member, requirePeerId } from '../../protocols/rpc/peer.ts'
import { nodeError } from '../ground/errors.ts'
import { createListeners, type Listeners } from '../ground/listeners.ts'
import {
  createPeerRecords,
  newPeerRecord,
  type PeerRecord,
  type PeerRecords,
} from './peer-records.ts'

/**
 * This node's certificate, and the check of other certificates by root, issuing keys, revocations
 * and time.
 */
export interface Credentials {
  /** Returns this node's certificate. Undefined before enrolment, and for operators. */
  own(): Signed | undefined
  /** Returns the body of a valid certificate. @throws trust.* */
  check(certificate: Signed): Certificate
}

export type Standing = 'member' | 'stranger'

export interface Membership {
  /** Returns the peer's membership at this moment, or undefined for a stranger. */
  member(peer: string): Member | undefined
  /**
   * Returns the peer's capability number (protocols/capability.ts). It is 0 for an unknown peer.
   */
  capability(peer: string): number
  /** Returns by how many milliseconds the peer's clock was ahead at its last greeting. */
  clockOffset(peer: string): number | undefined
  /** Returns the fault of the peer's machine from its last greeting. */
  trouble(peer: string): Trouble | undefined
  /** Returns this node's greeting. */
  introduce(): Greeting
  /** Stores a peer's greeting. Returns the error code if its certificate was not accepted. */
  learn(peer: string, greeting: Greeting): string | undefined
  /** The handlers that respond to greetings. */
  readonly handlers: Handlers<typeof hello>
  /**
   * Checks every known certificate again. Call it after a revocation or a new root. Returns the
   * peers that lost their membership.
   */
  recheck(): string[]
  /**
   * Adds a listener. `member`: the peer has sent an accepted certificate, the first or a later one.
   * `stranger`: its membership ended.
   */
  onChange(listener: (peer: string, standing: Standing) => void): () => void
}

export interface MembershipOptions {
  readonly credentials: Credentials
  /** The program's version. Greetings contain it. */
  readonly version: string
  readonly trouble?: () => Trouble | undefined
}

/** The parts that `learn` and `recheck` share. */
interface Known {
  readonly clock: Clock
  readonly log: Logger
  readonly credentials: Credentials
  readonly records: PeerRecords
  readonly changes: Listeners<[peer: string, standing: Standing]>
}

export function createMembership(
  deps: { clock: Clock; log: Logger },
  options: MembershipOptions,
): Membership {
  const { clock, log } = deps
  const { credentials } = options
  const records = createPeerRecords()
  const changes = createListeners<[peer: string, standing: Standing]>()
  const known: Known = { clock, log, credentials, records, changes }
  const introduce = (): Greeting => introduction(options, clock.now())
  const learn = (peer: string, greeting: Greeting): string | undefined =>
    learnGreeting(known, peer, greeting)
  return {
    member: (peer) => {
      const record = records.member(peer)
      if (record?.member === undefined) return undefined
      if (clock.now() < record.member.notAfter) return record.member
      log.info({ peer, name: record.member.name }, 'certificate expired')
      endMembership(known, peer, record)
      return undefined
    },
    capability: (peer) => records.get(peer)?.capability ?? 0,
    clockOffset: (peer) => records.get(peer)?.clockOffset,
    trouble: (peer) => records.get(peer)?.trouble,
    introduce,
    learn,
    handlers: {
      greet: async (greeting, { peer }): Promise<GreetingAnswer> => {
        const refused = learn(requirePeerId(peer), greeting)
        return refused === undefined ? introduce() : { ...introduce(), refused }
      },
    },
    recheck: () =>
      [...records.members()]
        .filter(([peer, record]) => !keepsMembership(known, peer, record))
        .map(([peer]) => peer),
    onChange: changes.on,
  }
}

function endMembership({ records, changes }: Known, peer: string, record: PeerRecord): void {
  record.member = undefined
  record.certificate = undefined
  records.put(peer, record)
  changes.emit(peer, 'stranger')
}

/** Returns the error code if the certificate in the greeting was not accepted. */
function learnGreeting(known: Known, peer: string, greeting: Greeting): string | undefined {
  const { clock, log, credentials, records, changes } = known
  const record = records.get(peer) ?? newPeerRecord()
  record.capability = greeting.capability
  record.clockOffset = greeting.at - clock.now()
  record.trouble = greeting.trouble
  records.put(peer, record)
  if (greeting.certificate === undefined) {
    if (record.member !== undefined) endMembership(known, peer, record)
    return undefined
  }
  try {
    const signed = fromWire(greeting.certificate)
    record.member = memberAfter(record.member, peer, credentials.check(signed))
    record.certificate = signed
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    log.info({ peer, error }, 'certificate not accepted')
    return error.code
  }
  records.put(peer, record)
  changes.emit(peer, 'member')
  return undefined
}

/** Checks the certificate of a member again. Returns false if the membership ended. */
function keepsMembership(known: Known, peer: string, record: PeerRecord): boolean {
  if (record.certificate === undefined) return true
  try {
    record.member = toMember(peer, known.credentials.check(record.certificate))
    return true
  } catch (error) {
    known.log.info({ peer, error }, 'membership ended')
    endMembership(known, peer, record)
    return false
  }
}

function introduction({ credentials, version, trouble }: MembershipOptions, now: number): Greeting {
  const own = credentials.own()
  return {
    ...defined({
      certificate: own === undefined ? undefined : toWire(own),
      trouble: trouble?.(),
    }),
    capability: CAPABILITY_NUMBER,
    at: Math.round(now),
    version,
  }
}

/**
 * Returns the membership after a certificate.
 * @throws node.stale-certificate if the epoch is lower than the last one of this peer
 */
function memberAfter(last: Member | undefined, peer: string, certificate: Certificate): Member {
  const member = toMember(peer, certificate)
  if (last !== undefined && member.epoch < last.epoch)
    throw nodeError('node.stale-certificate', { peer, epoch: member.epoch, seen: last.epoch })
  return member
}

/**
 * Converts a certificate to a membership.
 * @throws node.borrowed-certificate if the certificate belongs to another peer
 */
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
