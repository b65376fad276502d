/**
 * Issues node certificates. A certificate states for one day that a key belongs to a node. The
 * coordinator's issuing key signs it, and the root statement names that key.
 */
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import { signStatement, type Signed } from '../../shared/trust/signed.ts'
import type { AgentRecord } from './agents.ts'

/**
 * The lifetime of a certificate, which is renewed after half of it. It limits how long an
 * unreachable host accepts a revoked host (I5).
 */
const CERTIFICATE_MS = 24 * 3_600_000
/** A certificate begins this much earlier, so that hosts with slow clocks accept it at once. */
const BACKDATED_MS = 5 * 60_000

export interface Certificates {
  forAgent(agent: AgentRecord): Promise<Signed>
  forCoordinator(node: { publicKey: Uint8Array; name: string }): Promise<Signed>
}

export function createCertificates(
  deps: { issuer: Signer; clock: Clock; newId: () => string },
  options: { fleet: FleetId },
): Certificates {
  const issue = (
    subject: Uint8Array,
    rest: {
      role: 'agent' | 'coordinator'
      agent: AgentRecord['id'] | null
      name: string
      labels: Record<string, string>
      epoch: number
    },
  ): Promise<Signed> => {
    const now = deps.clock.now()
    return signStatement(deps.issuer, 'certificate', {
      fleet: options.fleet,
      serial: deps.newId(),
      subject: Buffer.from(subject).toString('base64'),
      ...rest,
      notBefore: rfc3339(now - BACKDATED_MS),
      notAfter: rfc3339(now + CERTIFICATE_MS),
    })
  }
  return {
    forAgent: (agent) =>
      issue(agent.publicKey, {
        role: 'agent',
        agent: agent.id,
        name: agent.name,
        labels: { ...agent.labels },
        epoch: agent.epoch,
      }),
    forCoordinator: (node) =>
      issue(node.publicKey, {
        role: 'coordinator',
        agent: null,
        name: node.name,
        labels: {},
        epoch: 0,
      }),
  }
}
