/**
 * `/muster/enroll/1` on the coordinator: joining, renewal of certificates, and the notice of copied
 * hosts.
 */
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { enroll } from '../../protocols/enroll/protocol.ts'
import type { CloneDetector } from '../registry/clone-detector.ts'
import type { Enrolment } from '../registry/enrolment.ts'

export interface EnrolDeps {
  readonly enrolment: Enrolment
  readonly copies: CloneDetector
  /** Whether the peer has another connection than the one from this address. */
  readonly isElsewhere: (peerId: string, address: string) => boolean
}

/** The handlers of `/muster/enroll/1` on a coordinator. */
export function enrolHandlers({
  enrolment,
  copies,
  isElsewhere,
}: EnrolDeps): Handlers<typeof enroll> {
  return {
    async join(request, { peer, signal }) {
      const peerId = peer.peerId as string
      const answer = await enrolment.join(peerId, request)
      const { instance } = request
      // One that has gone meanwhile may have been overtaken by the next start of the same host.
      if (answer.status === 'approved' && instance !== undefined && !signal.aborted)
        copies.recordArrival({
          peerId,
          instance,
          address: peer.address,
          elsewhere: isElsewhere(peerId, peer.address),
        })
      return answer
    },
    renew: async (_request, { peer }) => ({
      certificate: await enrolment.renew(peer.peerId as string),
    }),
  }
}
