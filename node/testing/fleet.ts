/**
 * A fleet for tests. It has real keys, a real root statement, real certificates, and nodes on
 * loopback that accept them. It has no enrolment and no durable trust state. The test fills the set
 * of revocations.
 */
import type { TestContext } from 'node:test'
import { rfc3339, systemClock } from '../../shared/clock.ts'
import { type NodeKey, generateKey } from '../../shared/identity/signer.ts'
import { type AgentId, type FleetId, fleetId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { type RecordedLog, recordedLog } from '../../shared/testing/recorded-log.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import { trustError } from '../../shared/trust/errors.ts'
import { openRoot } from '../../shared/trust/root-chain.ts'
import type { Root } from '../../shared/trust/root.ts'
import { type Signed, signStatement } from '../../shared/trust/signed.ts'
import type { Role } from '../../protocols/capability.ts'
import type { Credentials } from '../membership/membership.ts'
import { type MusterNode, type StartOptions, createNode } from '../node.ts'

const HOUR_MS = 3_600_000

export interface TestNode extends MusterNode {
  readonly key: NodeKey
  readonly log: RecordedLog
  /** The certificate that the node sends. A test may change it. */
  certificate: Signed | undefined
}

export interface TestFleet {
  readonly id: FleetId
  readonly root: Root
  /** The root chain in the form in which it is sent. */
  readonly roots: readonly (readonly Signed[])[]
  readonly issuer: NodeKey
  /** The names of members whose certificates are revoked. */
  readonly revoked: Set<string>
  certify(
    key: NodeKey,
    member: { role: Role; name: string; epoch?: number; ttlMs?: number; issuer?: NodeKey },
  ): Promise<Signed>
  /** Starts a node that is closed after the test. A node without a role has no certificate. */
  node(
    t: TestContext,
    member: { role: Role | undefined; name: string },
    options?: Partial<StartOptions>,
  ): Promise<TestNode>
}

export async function createTestFleet(): Promise<TestFleet> {
  const random = systemRandom
  const id = fleetId.parse(Buffer.from(random.bytes(16)).toString('hex'))
  const operator = generateKey({ random })
  const issuer = generateKey({ random })
  const row = (key: NodeKey, name: string): { key: string; name: string } => ({
    key: Buffer.from(key.publicKey).toString('base64'),
    name,
  })
  const signedRoot = await signStatement(operator, 'root', {
    fleet: id,
    version: 1,
    threshold: 1,
    operators: [row(operator, 'tester')],
    issuers: [row(issuer, 'coordinator')],
    previous: null,
  })
  const { root } = openRoot([signedRoot])
  const revoked = new Set<string>()
  let serial = 0

  const certify: TestFleet['certify'] = (key, member) => {
    const now = systemClock.now()
    serial += 1
    return signStatement(member.issuer ?? issuer, 'certificate', {
      fleet: id,
      serial: `s${serial}`,
      subject: Buffer.from(key.publicKey).toString('base64'),
      role: member.role,
      agent: member.role === 'agent' ? agentIdOf(serial) : null,
      name: member.name,
      labels: {},
      epoch: member.epoch ?? 1,
      notBefore: rfc3339(now - 1_000),
      notAfter: rfc3339(now + (member.ttlMs ?? HOUR_MS)),
    })
  }
  const node: TestFleet['node'] = async (t, member, options = {}) => {
    const key = options.key ?? generateKey({ random })
    const log = recordedLog()
    const own =
      member.role === undefined
        ? undefined
        : await certify(key, { role: member.role, name: member.name })
    const state: { certificate: Signed | undefined } = { certificate: own }
    const credentials: Credentials = {
      own: () => state.certificate,
      check: (signed) => {
        const certificate = checkCertificate(signed, {
          root,
          revocations: [],
          at: systemClock.now(),
        })
        if (revoked.has(certificate.name))
          throw trustError('trust.revoked', {
            what: 'the node certificate',
            target: certificate.name,
          })
        return certificate
      },
    }
    const started = await createNode(
      { clock: systemClock, random, log },
      {
        key,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        fleet: id,
        credentials,
        version: '0.0.0-test',
        inboundPerSecond: 1_000,
        ...options,
      },
    )
    t.after(() => started.close())
    return Object.defineProperty({ ...started, key, log } as TestNode, 'certificate', {
      get: () => state.certificate,
      set: (signed: Signed | undefined) => {
        state.certificate = signed
      },
    })
  }
  return { id, root, roots: [[signedRoot]], issuer, revoked, certify, node }
}

function agentIdOf(serial: number): AgentId {
  return `00000000-0000-4000-8000-${serial.toString(16).padStart(12, '0')}` as AgentId
}

/** Returns the address of a node that listens on one loopback port. */
export function addressOf(node: MusterNode): string {
  const [address] = node.addresses()
  if (address === undefined) throw new Error('the node does not listen')
  return address
}
