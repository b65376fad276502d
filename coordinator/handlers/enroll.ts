/**
 * The coordinator's side of `/muster/enroll/1`: enrolment, renewal of certificates, and detection
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
  /** True if the peer has another connection than the one from this address. */
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
      // If the host left meanwhile, its next start may have arrived already.
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

/** The protocol is served over libp2p only, which authenticates a peer id. */
function requirePeerId({ peerId }: PeerContext): string {
  if (peerId === undefined) throw new Error('enroll was called without a peer id')
  return peerId
}
