/**
 * How a host becomes a member: with a token that approves, with a token and an operator's approval,
 * or with an approval alone. Each step is one transaction with its log entry. The host's key is the
 * one that the transport authenticated, never one from a message (ID-02).
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
import type { AgentRecord, Agents } from './agents.ts'
import type { Certificates } from './certificates.ts'
import { registryError } from './errors.ts'
import { tokens } from './tokens.ts'

export interface Enrolment {
  /** @throws registry.* */
  join(peerId: string, request: JoinRequest): Promise<JoinResponse>
  /**
   * A fresh certificate for a member, with its current labels and epoch. @throws registry.revoked
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

export function createEnrolment(
  deps: EnrolmentDeps,
  options: {
    fleet: FleetId
    /** The coordinator's name. No host may have it, because the log would show both alike. */
    name: string
  },
): Enrolment {
  const { database, ledger, agents, access, certificates } = deps

  const statement = (
    event: string,
    agent: AgentId,
    detail: Record<string, Json>,
  ): Promise<Signed> =>
    signStatement(deps.issuer, 'trust', {
      fleet: options.fleet,
      event,
      agent,
      actor: null,
      operation: null,
      detail,
      at: rfc3339(deps.clock.now()),
    })

  const welcome = async (agent: AgentRecord, request: JoinRequest): Promise<JoinResponse> => {
    const roots = await access.roots()
    const answer = { roots: roots.map((versions) => [...versions]) }
    if (agent.status !== 'approved') return { ...answer, status: 'pending' }
    // The host may have missed revocations while it was away. Until it has them, it accepts revoked
    // hosts.
    const missing = await access.revocationsAfter(request.epoch ?? 0)
    const revocations = missing.slice(
      0,
      countFitting(missing, { most: MAX_JOIN_REVOCATIONS, bytes: MAX_JOIN_REVOCATION_BYTES }),
    )
    return {
      ...answer,
      status: 'approved',
      certificate: await certificates.forAgent(agent),
      revocations,
    }
  }

  return {
    async join(peerId, request) {
      const candidate = {
        id: agentId.parse(request.agent),
        name: request.name,
        peerId,
        publicKey: keyOfPeerId(peerId),
        claims: request.claims,
        version: request.version,
      }
      const member = await agents.byId(candidate.id)
      // The host reconnects, as all hosts do after a restart of the coordinator. Nothing is
      // written.
      if (member?.status === 'approved' && member.peerId === peerId) return welcome(member, request)
      if (member === undefined && foldName(candidate.name) === foldName(options.name))
        throw enrollRefusal('registry.name-taken', { name: options.name })
      await requireWritable(ledger)
      const { agent, changed } = await database.transaction(async (tx) => {
        const at = deps.clock.now()
        // Comes first in every transaction that writes to the log. If two hosts join at once, the
        // second one then sees the name that the first one took.
        await lockHead(tx, database.dialect)
        const known = await agents.byId(candidate.id, tx)
        // Otherwise a caller without a token could block every host whose name it guesses. An
        // invalid token rolls this back.
        const displaced =
          known === undefined && request.token !== undefined
            ? await agents.displace(tx, candidate.name)
            : undefined
        if (displaced !== undefined) {
          const { name, fingerprint } = displaced
          await ledger.append(tx, {
            type: 'trust',
            operation: null,
            signed: await statement('displaced', displaced.id, { name, fingerprint }),
          })
        }
        const admitted = await agents.admit(tx, candidate, at, {
          invited: request.token !== undefined,
        })
        const detail = { name: admitted.name, fingerprint: admitted.fingerprint }
        let changed = false
        if (known === undefined) {
          await ledger.append(tx, {
            type: 'trust',
            operation: null,
            signed: await statement('asked', admitted.id, detail),
          })
          changed = true
        }
        if (request.token !== undefined && admitted.status === 'pending') {
          const terms = await tokens.redeem(tx, request.token, admitted.id, at)
          if (terms.approve) {
            await agents.approve(tx, admitted.id, terms.labels, at)
            await ledger.append(tx, {
              type: 'trust',
              operation: null,
              signed: await statement('enrolled', admitted.id, { ...detail, labels: terms.labels }),
            })
          } else await agents.relabel(tx, admitted.id, terms.labels)
          changed = true
        }
        return { agent: (await agents.byId(admitted.id, tx)) as AgentRecord, changed }
      })
      // Crash here: the host is admitted and logged. It asks again and gets the same answer,
      // whether or not its token is used.
      if (changed) await ledger.checkpoint()
      return welcome(agent, request)
    },

    async renew(peerId) {
      const agent = await agents.byPeer(peerId)
      if (agent === undefined) throw registryError('registry.unknown-host', { host: peerId })
      if (agent.status !== 'approved') throw enrollRefusal('registry.revoked', { name: agent.name })
      return certificates.forAgent(agent)
    },
  }
}
