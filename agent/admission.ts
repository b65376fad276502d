/** What a host asks of one coordinator: to be let in, and what it does not know yet of roots and revocations. */
import type { MusterNode } from '../node/node.ts'
import type { TrustState } from '../node/trust-state.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import { completeEpoch } from '../shared/trust/revocations.ts'
import { askToJoin, type Enrolled } from './enrol.ts'
import type { AgentIdentity } from './identity.ts'

export interface AdmissionDeps {
  readonly node: MusterNode
  readonly trust: TrustState
  readonly clock: Clock
  readonly log: Logger
}

export interface HostOptions {
  readonly identity: AgentIdentity
  readonly claims: Readonly<Record<string, string>>
  /** Of an agent that stays: drawn when it started, so that a coordinator notices a second one with its key. */
  readonly instance?: string
}

export interface AdmissionOptions extends HostOptions {
  /** Of the coordinator, with its peer id. */
  readonly address: string
}

/**
 * Dials, and becomes a member.
 * @returns the coordinator's peer id, or undefined where an operator has yet to approve
 * @throws node.*, protocol.*, registry.* as the coordinator refuses, trust.* where its answer does not lead to the pinned root
 */
export async function becomeMember(
  deps: AdmissionDeps,
  options: AdmissionOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { node, trust } = deps
  const peer = await node.dial(options.address, signal)
  const { certificate } = await askForNews(deps, options, peer.id, signal)
  if (certificate === undefined) return undefined
  await trust.keepCertificate(certificate)
  await node.reintroduce()
  return peer.id
}

/** Asks as a host that comes back, and believes what the answer proves. @throws as {@link becomeMember} */
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
  await trust.learn({ roots: enrolled.roots })
  // Such as two of one epoch: an alarm, and no reason to be without the coordinator; orders that rest on them are refused all the same.
  await trust
    .learn({ revocations: enrolled.revocations })
    .catch((error: unknown) =>
      log.error({ coordinator, error }, 'revocations that do not fit those that this host knows'),
    )
  return enrolled
}
