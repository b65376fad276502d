/**
 * Serves `/muster/enroll/1` on the coordinator: enrolment, renewal of certificates, and detection
 * of copied hosts.
 */
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { enroll } from '../../protocols/enroll/protocol.ts'
import type { PeerContext } from '../../protocols/rpc/peer.ts'
import type { CloneDetector } from '../registry/clone-detector.ts'
import type { Enrolment } from '../registry/enrolment.ts'

export interface EnrolDeps {
  readonly enrolment: Enrolment
  readonly copies: CloneDetector
  /** True if the peer is also connected from another address. */
  readonly isElsewhere: (peerId: string, address: string) => boolean
}

export function enrolHandlers({
  enrolment,
  copies,
  isElsewhere,
}: EnrolDeps): Handlers<typeof enroll> {
  return {
    async join(request, { peer, signal }) {
      const peerId = requirePeerId(peer)
      const response = await enrolment.join(peerId, request)
      const { instance } = request
      // If the host disconnected meanwhile, its next start may already be recorded. Then this older
      // start must not be recorded.
      if (response.status === 'approved' && instance !== undefined && !signal.aborted)
        copies.recordArrival({
          peerId,
          instance,
          address: peer.address,
          elsewhere: isElsewhere(peerId, peer.address),
        })
      return response
    },
    renew: async (_request, { peer }) => ({
      certificate: await enrolment.renew(requirePeerId(peer)),
    }),
  }
}

/**
 * Returns the caller's peer id. The protocol is served only over libp2p, which authenticates peer
 * ids.
 */
function requirePeerId({ peerId }: PeerContext): string {
  if (peerId === undefined) throw new Error('enroll was called without a peer id')
  return peerId
}
