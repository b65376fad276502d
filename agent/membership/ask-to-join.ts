/**
 * The agent's side of enrolment: ask a coordinator, believe its answer only as far as it leads to
 * the pinned root. The transport has proved that the coordinator is the one in the ticket before
 * the token is sent (ID-13).
 */
import { openClient } from '../../protocols/rpc/call.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import type { Clock } from '../../shared/clock.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'
import { openRootChain } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { VERSION } from '../../shared/version.ts'
import type { AgentIdentity } from '../home/identity.ts'

export interface Enrolled {
  readonly status: 'approved' | 'pending'
  readonly roots: readonly (readonly Signed[])[]
  /** Present once approved: checked against the root, and this agent's. */
  readonly certificate: Signed | undefined
  /** As the coordinator sent them: whoever learns them checks them. */
  readonly revocations: readonly Signed[]
}

export interface EnrolOptions {
  readonly identity: AgentIdentity
  readonly token?: Uint8Array
  /** Every revocation up to this epoch is known here. */
  readonly epoch?: number
  readonly claims: Readonly<Record<string, string>>
  /** Of an agent that stays: drawn when it started. */
  readonly instance?: string
  readonly signal?: AbortSignal
}

/**
 * @throws registry.* as the coordinator refuses, trust.* where its answer does not lead to the
 * pinned root
 */
export async function askToJoin(
  deps: { clock: Clock; open: (protocolId: string) => Promise<Duplex> },
  options: EnrolOptions,
): Promise<Enrolled> {
  const { identity, token, epoch, claims, instance, signal } = options
  const client = openClient(enroll, await deps.open(enroll.id), deps)
  const answer = await client
    .call(
      'join',
      {
        agent: identity.id,
        name: identity.name,
        claims: { ...claims },
        version: VERSION,
        ...(token === undefined ? {} : { token }),
        ...(epoch === undefined ? {} : { epoch }),
        ...(instance === undefined ? {} : { instance }),
      },
      signal === undefined ? {} : { signal },
    )
    .finally(() => void client.close().catch(() => undefined))
  const { root } = openRootChain(answer.roots, { fleet: identity.fleet, digest: identity.root })
  if (answer.certificate === undefined)
    return { status: 'pending', roots: answer.roots, certificate: undefined, revocations: [] }
  checkCertificate(answer.certificate, { root, revocations: [], at: deps.clock.now() })
  return {
    status: 'approved',
    roots: answer.roots,
    certificate: answer.certificate,
    revocations: answer.revocations ?? [],
  }
}
