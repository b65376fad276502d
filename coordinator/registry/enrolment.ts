/**
 * Makes hosts members of the fleet. A host needs a token that approves it, or an operator's
 * approval with or without a token. Each step is one transaction with its log entry. The host's key
 * is the key that the transport authenticated, never a key from a message (ID-02).
 */
import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import {
  type JoinRequest,
  type JoinResponse,
  MAX_JOIN_REVOCATION_BYTES,
  MAX_JOIN_REVOCATIONS,
} from '../../protocols/enroll/messages.ts'
import { countFitting } from '../../protocols/statement.ts'
import type { Json } from '../../shared/canonical-json.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { foldName } from '../../shared/host-name.ts'
import { type AgentId, agentId, type FleetId } from '../../shared/ids.ts'
import { keyOfPeerId } from '../../shared/identity/peer-id.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import { type Signed, signStatement } from '../../shared/trust/signed.ts'
import { lockHead } from '../audit/head.ts'
import type { Ledger } from '../audit/ledger.ts'
import { requireWritable } from '../audit/writable.ts'
import type { Database } from '../database/database.ts'
import type { Access } from './access.ts'
import type { AgentRecord, Agents, Candidate } from './agents.ts'
import type { Certificates } from './certificates.ts'
import { registryError } from './errors.ts'
import type { Tx } from './statements.ts'
import { tokens } from './tokens.ts'

export interface Enrolment {
  /** @throws registry.* */
  join(peerId: string, request: JoinRequest): Promise<JoinResponse>
  /**
   * Issues a new certificate for a member, with its current labels and epoch.
   * @throws registry.unknown-host, registry.revoked
   */
  renew(peerId: string): Promise<Signed>
}

export interface EnrolmentDeps {
  readonly database: Database
  readonly ledger: Ledger
  readonly agents: Agents
  readonly access: Access
  readonly certificates: Certificates
  readonly issuer: Signer
  readonly clock: Clock
}

export interface EnrolmentOptions {
  readonly fleet: FleetId
  /**
   * The coordinator's name. No host may use it, because the log would show the same name for both.
   */
  readonly name: string
}

export function createEnrolment(deps: EnrolmentDeps, options: EnrolmentOptions): Enrolment {
  const admission: Admission = { ...deps, appendEvent: trustEvents(deps, options.fleet) }
  return {
    join: (peerId, request) => join(admission, options, peerId, request),
    renew: (peerId) => renew(deps, peerId),
  }
}

/** Appends an event of a host to the log, signed by the coordinator. */
type AppendEvent = (
  tx: Tx,
  event: string,
  agent: AgentId,
  detail: Record<string, Json>,
) => Promise<void>

interface Admission extends EnrolmentDeps {
  readonly appendEvent: AppendEvent
}

function trustEvents(
  { ledger, issuer, clock }: Pick<EnrolmentDeps, 'ledger' | 'issuer' | 'clock'>,
  fleet: FleetId,
): AppendEvent {
  return async (tx, event, agent, detail) => {
    const signed = await signStatement(issuer, 'trust', {
      fleet,
      event,
      agent,
      actor: null,
      operation: null,
      detail,
      at: rfc3339(clock.now()),
    })
    await ledger.append(tx, { type: 'trust', operation: null, signed })
  }
}

async function join(
  admission: Admission,
  options: EnrolmentOptions,
  peerId: string,
  request: JoinRequest,
): Promise<JoinResponse> {
  const { agents, database, ledger } = admission
  const candidate = candidateOf(peerId, request)
  const member = await agents.byId(candidate.id)
  // The member reconnects, so nothing is written. After a restart of the coordinator, all hosts
  // reconnect.
  if (member?.status === 'approved' && member.peerId === peerId)
    return joinResponse(admission, member, request)
  if (member === undefined && foldName(candidate.name) === foldName(options.name))
    throw enrollRefusal('registry.name-taken', { name: options.name })
  await requireWritable(ledger)
  const { agent, isChanged } = await database.transaction((tx) =>
    admit(admission, tx, candidate, request.token),
  )
  // Crash here: the host is recorded and logged, and its token may be used up. The host asks again
  // and gets the same response.
  if (isChanged) await ledger.checkpoint()
  return joinResponse(admission, agent, request)
}

/** Returns the host that asks to join. Its key is the key that the transport authenticated. */
function candidateOf(peerId: string, request: JoinRequest): Candidate {
  const { name, claims, version } = request
  const id = agentId.parse(request.agent)
  return { id, name, peerId, publicKey: keyOfPeerId(peerId), claims, version }
}

async function admit(
  admission: Admission,
  tx: Tx,
  candidate: Candidate,
  token: Uint8Array | undefined,
): Promise<{ readonly agent: AgentRecord; readonly isChanged: boolean }> {
  const { agents, appendEvent, clock, database } = admission
  const at = clock.now()
  // Every transaction that writes to the log locks its head first. So if two hosts join at the same
  // time, the second transaction sees the name of the first host.
  await lockHead(tx, database.dialect)
  const known = await agents.byId(candidate.id, tx)
  if (known === undefined && token !== undefined)
    await displaceStranger(admission, tx, candidate.name)
  const admitted = await agents.admit(tx, candidate, at, { invited: token !== undefined })
  if (known === undefined) await appendEvent(tx, 'asked', admitted.id, identityOf(admitted))
  const redeems = token !== undefined && admitted.status === 'pending'
  if (redeems) await redeemToken(admission, tx, { agent: admitted, token, at })
  return {
    agent: (await agents.byId(admitted.id, tx)) ?? admitted,
    isChanged: known === undefined || redeems,
  }
}

/**
 * Removes a host that waits with this name and without a token. Otherwise a caller without a token
 * could block every host whose name it guesses. If the token is invalid, the transaction restores
 * the host.
 */
async function displaceStranger(
  { agents, appendEvent }: Admission,
  tx: Tx,
  name: string,
): Promise<void> {
  const displaced = await agents.displace(tx, name)
  if (displaced !== undefined)
    await appendEvent(tx, 'displaced', displaced.id, identityOf(displaced))
}

/** @throws registry.token-unknown */
async function redeemToken(
  { agents, appendEvent }: Admission,
  tx: Tx,
  { agent, token, at }: { agent: AgentRecord; token: Uint8Array; at: number },
): Promise<void> {
  const { approve, labels } = await tokens.redeem(tx, token, agent.id, at)
  if (!approve) return agents.relabel(tx, agent.id, labels)
  await agents.approve(tx, agent.id, labels, at)
  await appendEvent(tx, 'enrolled', agent.id, { ...identityOf(agent), labels })
}

const identityOf = ({ name, fingerprint }: AgentRecord) => ({ name, fingerprint })

async function joinResponse(
  { access, certificates }: EnrolmentDeps,
  agent: AgentRecord,
  request: JoinRequest,
): Promise<JoinResponse> {
  const roots = await access.roots()
  if (agent.status !== 'approved') return { roots, status: 'pending' }
  // The host may have missed revocations while it was disconnected. Until it gets them, it accepts
  // revoked hosts.
  const missing = await access.revocationsAfter(request.epoch ?? 0)
  const revocations = missing.slice(
    0,
    countFitting(missing, { most: MAX_JOIN_REVOCATIONS, bytes: MAX_JOIN_REVOCATION_BYTES }),
  )
  return {
    roots,
    status: 'approved',
    certificate: await certificates.forAgent(agent),
    revocations,
  }
}

async function renew({ agents, certificates }: EnrolmentDeps, peerId: string): Promise<Signed> {
  const agent = await agents.byPeer(peerId)
  if (agent === undefined) throw registryError('registry.unknown-host', { host: peerId })
  if (agent.status !== 'approved') throw enrollRefusal('registry.revoked', { name: agent.name })
  return certificates.forAgent(agent)
}
