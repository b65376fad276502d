/**
 * The agent's side of enrolment. It checks the response against the pinned root. Before the token
 * is sent, the transport verifies the coordinator's key against the ticket (ID-13).
 */
import { openClient } from '../../protocols/rpc/call.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import { openRootChain } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { VERSION } from '../../shared/version.ts'
import type { AgentIdentity } from '../home/identity.ts'

export interface Enrolled {
  readonly status: 'approved' | 'pending'
  readonly roots: readonly (readonly Signed[])[]
  /**
   * This agent's certificate, checked against the root. Undefined while the host waits for
   * approval.
   */
  readonly certificate: Signed | undefined
  /** The roots as the coordinator sent them. They are not checked yet. */
  readonly revocations: readonly Signed[]
}

export interface EnrolOptions {
  readonly identity: AgentIdentity
  readonly token?: Uint8Array
  /** This host has every revocation up to this epoch. */
  readonly epoch?: number
  readonly claims: Readonly<Record<string, string>>
  /** A value that is new at each start of an agent. Absent for `muster agent join`. */
  readonly instance?: string
  readonly signal?: AbortSignal
}

/**
 * @throws registry.* of the coordinator, trust.* if its response does not lead to the pinned root
 */
export async function askToJoin(
  deps: { clock: Clock; open: (protocolId: string) => Promise<Duplex> },
  options: EnrolOptions,
): Promise<Enrolled> {
  const { identity, token, epoch, claims, instance, signal } = options
  const { id: agent, name } = identity
  const client = openClient(enroll, await deps.open(enroll.id), deps)
  const request = { agent, name, claims: { ...claims }, version: VERSION, token, epoch, instance }
  const response = await client
    .call('join', defined(request), defined({ signal }))
    .finally(() => void client.close().catch(() => undefined))
  const { roots, certificate } = response
  const { root } = openRootChain(roots, { fleet: identity.fleet, digest: identity.root })
  if (certificate === undefined) return { status: 'pending', roots, certificate, revocations: [] }
  checkCertificate(certificate, { root, revocations: [], at: deps.clock.now() })
  return { status: 'approved', roots, certificate, revocations: response.revocations ?? [] }
}
