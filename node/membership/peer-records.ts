/** The contents of the peers' last greetings. They are only in memory. */
import type { Trouble } from '../../protocols/hello/messages.ts'
import type { Member } from '../../protocols/rpc/peer.ts'
import type { Signed } from '../../shared/trust/signed.ts'

/**
 * The number of members that are kept after their connections ended. Known members are accepted
 * before strangers.
 */
const MAX_MEMBERS = 10_000
/**
 * The number of strangers. Fewer strangers can be connected at once. The limit is separate because
 * keys and greetings cost nothing, and greetings of strangers must not remove a connected member.
 */
const MAX_STRANGERS = 1_000

export interface PeerRecord {
  certificate: Signed | undefined
  member: Member | undefined
  capability: number
  clockOffset: number
  trouble: Trouble | undefined
}

export interface PeerRecords {
  get(peer: string): PeerRecord | undefined
  member(peer: string): PeerRecord | undefined
  members(): Iterable<[peer: string, record: PeerRecord]>
  /** Stores the record as the newest one of members or strangers. The oldest one may be removed. */
  put(peer: string, record: PeerRecord): void
}

export function createPeerRecords(): PeerRecords {
  // Each peer is in one of these maps. Both are in the order of the last greetings, oldest first.
  const members = new Map<string, PeerRecord>()
  const strangers = new Map<string, PeerRecord>()
  const add = (records: Map<string, PeerRecord>, limit: number, peer: string, own: PeerRecord) => {
    records.set(peer, own)
    for (const oldest of records.keys()) {
      if (records.size <= limit) return
      records.delete(oldest)
    }
  }
  return {
    get: (peer) => members.get(peer) ?? strangers.get(peer),
    member: (peer) => members.get(peer),
    members: () => members,
    put: (peer, record) => {
      members.delete(peer)
      strangers.delete(peer)
      if (record.member === undefined) add(strangers, MAX_STRANGERS, peer, record)
      else add(members, MAX_MEMBERS, peer, record)
    },
  }
}

export function newPeerRecord(): PeerRecord {
  return {
    certificate: undefined,
    member: undefined,
    capability: 0,
    clockOffset: 0,
    trouble: undefined,
  }
}
