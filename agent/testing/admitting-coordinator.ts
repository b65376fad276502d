/**
 * A coordinator on loopback that serves only enrolment. The test decides whether it admits a host.
 * It has no registry and no log.
 */
import type { TestContext } from 'node:test'
import { createNodePolicy } from '../../node/membership/policy.ts'
import { addressOf, type TestFleet, type TestNode } from '../../node/testing/fleet.ts'
import type { NodeOptions } from '../../node/node.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { JoinRequest } from '../../protocols/enroll/messages.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { systemClock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { keyOfPeerId } from '../../shared/identity/peer-id.ts'
import type { Signed } from '../../shared/trust/signed.ts'

export interface AdmittingCoordinator {
  readonly node: TestNode
  readonly address: string
  readonly asked: JoinRequest[]
  renewed: number
  /** The coordinator's response. Default: `approve`. */
  answer: 'approve' | 'pending' | 'hang up' | MusterError
}

export async function coordinatorOf(
  t: TestContext,
  fleet: TestFleet,
  options: Partial<NodeOptions> = {},
): Promise<AdmittingCoordinator> {
  const node = await fleet.node(t, { role: 'coordinator', name: 'mirror' }, options)
  const certify = (peerId: string): Promise<Signed> =>
    fleet.certify({ publicKey: keyOfPeerId(peerId) } as Parameters<TestFleet['certify']>[0], {
      role: 'agent',
      name: 'web-1',
    })
  const made: AdmittingCoordinator = {
    node,
    address: addressOf(node),
    asked: [],
    renewed: 0,
    answer: 'approve',
  }
  const handlers: Handlers<typeof enroll> = {
    async join(request, { peer }) {
      made.asked.push(request)
      if (made.answer instanceof MusterError) throw made.answer
      const roots = fleet.roots.map((versions) => [...versions])
      if (made.answer === 'pending') return { status: 'pending', roots }
      if (made.answer === 'hang up')
        systemClock.after(5, () => void node.peer(peer.peerId as string)?.close())
      return {
        status: 'approved',
        roots,
        certificate: await certify(peer.peerId as string),
        revocations: [],
      }
    },
    async renew(_request, { peer }) {
      made.renewed += 1
      if (made.answer instanceof MusterError) throw made.answer
      return { certificate: await certify(peer.peerId as string) }
    },
  }
  await node.handle(
    enroll,
    serveProtocol(enroll, handlers, {
      policy: createNodePolicy(),
      clock: systemClock,
      log: node.log,
    }),
  )
  return made
}
