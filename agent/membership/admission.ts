/**
 * The admission of a host by one coordinator. The host gets a certificate, and the roots and
 * revocations that it lacks.
 */
import type { MusterNode } from '../../node/node.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import type { Clock } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import type { Logger } from '../../shared/logger.ts'
import { storageError } from '../../shared/storage/storage-error.ts'
import { completeEpoch } from '../../shared/trust/revocations.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { askToJoin, type Enrolled } from './ask-to-join.ts'
import type { AgentIdentity } from '../home/identity.ts'

export interface AdmissionDeps {
  readonly node: MusterNode
  readonly trust: TrustState
  readonly clock: Clock
  readonly log: Logger
  /** Called when a write to this host's disk failed. */
  readonly onStorageFailure?: () => void
}

export interface HostOptions {
  readonly identity: AgentIdentity
  readonly claims: Readonly<Record<string, string>>
  /**
   * A value that is new at each start of the agent. With it, the coordinator notices a second host
   * with the same key.
   */
  readonly instance?: string
}

export interface AdmissionOptions extends HostOptions {
  /** The coordinator's address. It contains the peer id. */
  readonly address: string
}

/**
 * Dials a coordinator and becomes a member.
 * @returns the coordinator's peer id; undefined if an operator must approve this host first
 * @throws node.*, protocol.*, registry.* of the coordinator, trust.* if its response does not lead
 * to the pinned root
 */
export async function becomeMember(
  deps: AdmissionDeps,
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { node } = deps
  const peer = await node.dial(options.address, signal)
  const { certificate } = await requestAdmission(deps, options, peer.id, signal)
  if (certificate === undefined) return undefined
  await keepCertificate(deps, certificate)
  await node.reintroduce()
  return peer.id
}

/**
 * Keeps the certificate. A host with a full disk connects too, because operators must see why it
 * fails.
 */
export async function keepCertificate(
  deps: Omit<AdmissionDeps, 'node'>,
  certificate: Signed,
): Promise<void> {
  await deps.trust.keepCertificate(certificate).catch(keptInMemory(deps, 'the certificate'))
}

/** Reports a failure of the disk. The trust state has the value in memory. @throws other errors */
function keptInMemory(
  deps: Pick<AdmissionDeps, 'log' | 'onStorageFailure'>,
  what: string,
): (error: unknown) => void {
  return (error) => {
    if (!storageError.is(error)) throw error
    deps.log.error({ error }, `${what} counts in memory only: the disk did not take it`)
    deps.onStorageFailure?.()
  }
}

/**
 * Sends a request to a connected coordinator. Adds the roots and revocations of its response to the
 * trust state.
 * @throws as {@link becomeMember}
 */
export async function requestAdmission(
  deps: AdmissionDeps,
  options: HostOptions,
  coordinator: string,
  signal: AbortSignal,
): Promise<Enrolled> {
  const { node, trust, clock, log } = deps
  const open = (protocolId: string) => node.open(coordinator, protocolId, signal)
  const { identity, claims, instance } = options
  const epoch = completeEpoch(trust.revocations())
  const enrolled = await askToJoin(
    { clock, open },
    defined({ identity, claims, instance, epoch, signal }),
  )
  await trust.learn({ roots: enrolled.roots }).catch(keptInMemory(deps, 'a new root'))
  // Two revocations of one epoch cause an alarm, but the host still connects. It rejects intents
  // that depend on them.
  await trust
    .learn({ revocations: enrolled.revocations })
    .catch(keptInMemory(deps, 'a revocation'))
    .catch((error: unknown) =>
      log.error({ coordinator, error }, 'revocations contradict those that this host knows'),
    )
  return enrolled
}
