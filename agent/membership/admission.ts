/**
 * What a host asks of one coordinator: to be let in, and what it does not know yet of roots and
 * revocations.
 */
import type { MusterNode } from '../../node/node.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import type { Clock } from '../../shared/clock.ts'
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
  /** Called when this host's disk did not take something. */
  readonly onStorageFailure?: () => void
}

export interface HostOptions {
  readonly identity: AgentIdentity
  readonly claims: Readonly<Record<string, string>>
  /**
   * Of an agent that stays: drawn when it started, so that a coordinator notices a second one with
   * its key.
   */
  readonly instance?: string
}

export interface AdmissionOptions extends HostOptions {
  /** Of the coordinator, with its peer id. */
  readonly address: string
}

/**
 * Dials, and becomes a member.
 * @returns the coordinator's peer id, or undefined where an operator has yet to approve
 * @throws node.*, protocol.*, registry.* as the coordinator refuses, trust.* where its answer does
 * not lead to the pinned root
 */
export async function becomeMember(
  deps: AdmissionDeps,
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { node } = deps
  const peer = await node.dial(options.address, signal)
  const { certificate } = await askForNews(deps, options, peer.id, signal)
  if (certificate === undefined) return undefined
  await keepCertificate(deps, certificate)
  await node.reintroduce()
  return peer.id
}

/** A full disk must not keep a host away from its coordinator: the fleet would not see why. */
export async function keepCertificate(
  deps: Omit<AdmissionDeps, 'node'>,
  certificate: Signed,
): Promise<void> {
  await deps.trust.keepCertificate(certificate).catch(inMemory(deps, 'the certificate'))
}

/**
 * For what counts although the disk did not take it. @throws every error that the disk did not
 * cause
 */
function inMemory(
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
 * Asks as a host that comes back, and believes what the answer proves. @throws as
 * {@link becomeMember}
 */
export async function askForNews(
  deps: AdmissionDeps,
  options: HostOptions,
  coordinator: string,
  signal: AbortSignal,
): Promise<Enrolled> {
  const { node, trust, clock, log } = deps
  const open = (protocolId: string) => node.open(coordinator, protocolId, signal)
  const { identity, claims, instance } = options
  const enrolled = await askToJoin(
    { clock, open },
    {
      identity,
      claims,
      epoch: completeEpoch(trust.revocations()),
      signal,
      ...(instance === undefined ? {} : { instance }),
    },
  )
  await trust.learn({ roots: enrolled.roots }).catch(inMemory(deps, 'a new root'))
  // Such as two of one epoch: an alarm, and no reason to be without the coordinator; orders that
  // rest on them are refused all the same.
  await trust
    .learn({ revocations: enrolled.revocations })
    .catch(inMemory(deps, 'a revocation'))
    .catch((error: unknown) =>
      log.error({ coordinator, error }, 'revocations that do not fit those that this host knows'),
    )
  return enrolled
}
