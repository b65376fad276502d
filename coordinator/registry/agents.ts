/**
 * The coordinator's records of hosts. A host gets a row when it first asks to join. The row of a
 * revoked host is never deleted, so no other host can take its id, name or key.
 */
import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import { defined } from '../../shared/defined.ts'
import { requireHostName, requireNoIdOf } from '../../shared/host-name.ts'
import type { AgentId } from '../../shared/ids.ts'
import { describeIssue } from '../../shared/schema-issue.ts'
import { labelsField } from '../../shared/trust/fields.ts'
import type { Database } from '../database/database.ts'
import { type JsonText, toCanonicalText, toJsonText } from '../database/schema/json-text.ts'
import {
  type AgentRecord,
  type Candidate,
  countPending,
  deletePending,
  findAgent,
  findNamesake,
  insertPending,
  listAgents,
  listOtherIds,
} from './agent-rows.ts'
import { registryError } from './errors.ts'
import { selectHost, selectHosts } from './selector.ts'
import type { Tx } from './statements.ts'

export type { AgentRecord, AgentStatus, Candidate } from './agent-rows.ts'

type Labels = Readonly<Record<string, string>>

/**
 * The number of hosts that may wait for approval at the same time. More hosts are an attack, not a
 * rollout.
 */
const MAX_PENDING = 1000

export interface Agents {
  list(): Promise<AgentRecord[]>
  byId(id: AgentId, tx?: Tx): Promise<AgentRecord | undefined>
  byPeer(peerId: string, tx?: Tx): Promise<AgentRecord | undefined>
  /** @throws registry.unknown-host, registry.ambiguous-host */
  find(text: string): Promise<AgentRecord>
  /** Selects approved hosts. @throws registry.unknown-host if a selector matches none */
  select(selectors: readonly string[]): Promise<AgentRecord[]>
  /**
   * Records a host that asks to join. A repetition with the same id, key and name changes nothing.
   * An `invited` host has a token that the same transaction checks. It is recorded even if too many
   * hosts without a token wait.
   * @throws registry.*-taken, registry.revoked
   */
  admit(
    tx: Tx,
    candidate: Candidate,
    at: number,
    options?: { invited?: boolean },
  ): Promise<AgentRecord>
  /**
   * Removes a pending host with this name (ignoring case) if it asked without a token. Any host can
   * ask for any name without a token.
   */
  displace(tx: Tx, name: string): Promise<AgentRecord | undefined>
  approve(tx: Tx, id: AgentId, labels: Labels, at: number): Promise<void>
  relabel(tx: Tx, id: AgentId, labels: Labels): Promise<void>
  revoke(tx: Tx, id: AgentId, at: number): Promise<void>
  /** Removes a host that was never approved. */
  reject(tx: Tx, id: AgentId): Promise<void>
  recordContact(
    id: AgentId,
    at: number,
    facts?: { version?: string; addresses?: readonly string[] },
  ): Promise<void>
}

export function createAgents(deps: { database: Database }): Agents {
  const { query } = deps.database
  return {
    list: () => listAgents(query),
    byId: (id, tx = query) => findAgent(tx, 'id', id),
    byPeer: (peerId, tx = query) => findAgent(tx, 'peer_id', peerId),
    find: async (text) => selectHost(await listAgents(query), text),
    select: async (selectors) =>
      selectHosts(
        (await listAgents(query)).filter((agent) => agent.status === 'approved'),
        selectors,
      ),
    admit,
    displace,
    approve,
    relabel,
    revoke,
    reject,
    recordContact: (id, at, facts) => recordContact(query, id, at, facts),
  }
}

async function admit(
  tx: Tx,
  candidate: Candidate,
  at: number,
  { invited = false }: { invited?: boolean } = {},
): Promise<AgentRecord> {
  const known = await findAgent(tx, 'id', candidate.id)
  if (known !== undefined) {
    requireSameHost(known, candidate)
    return known
  }
  const sameKey = await findAgent(tx, 'peer_id', candidate.peerId)
  if (sameKey) throw enrollRefusal('registry.key-taken', { name: sameKey.name })
  await requireSafeName(tx, candidate.id, candidate.name)
  const namesake = await findNamesake(tx, candidate.name)
  if (namesake) throw enrollRefusal('registry.name-taken', { name: namesake.name })
  if (!invited && (await countPending(tx)) >= MAX_PENDING)
    throw registryError('registry.too-many-pending', { limit: MAX_PENDING })
  return insertPending(tx, candidate, at)
}

/** @throws registry.agent-taken, registry.revoked */
function requireSameHost(known: AgentRecord, candidate: Candidate): void {
  if (known.peerId !== candidate.peerId)
    throw enrollRefusal('registry.agent-taken', { agent: candidate.id })
  if (known.status === 'revoked') throw enrollRefusal('registry.revoked', { name: known.name })
}

async function displace(tx: Tx, name: string): Promise<AgentRecord | undefined> {
  const holder = await findNamesake(tx, name)
  if (holder?.status !== 'pending') return undefined
  const invited = await tx
    .selectFrom('enroll_token')
    .select('hash')
    .where('used_by', '=', holder.id)
    .executeTakeFirst()
  if (invited !== undefined) return undefined
  await deletePending(tx, holder.id)
  return holder
}

/** @throws registry.unknown-host */
async function requireAgent(tx: Tx, id: AgentId): Promise<AgentRecord> {
  const agent = await findAgent(tx, 'id', id)
  if (agent === undefined) throw registryError('registry.unknown-host', { host: id })
  return agent
}

/** @throws registry.unknown-host, registry.not-pending */
async function requirePending(tx: Tx, id: AgentId): Promise<AgentRecord> {
  const agent = await requireAgent(tx, id)
  if (agent.status !== 'pending')
    throw registryError('registry.not-pending', { name: agent.name, status: agent.status })
  return agent
}

async function approve(tx: Tx, id: AgentId, labels: Labels, at: number): Promise<void> {
  const agent = await requirePending(tx, id)
  // The host may have asked an earlier version, which accepted any name.
  await requireSafeName(tx, id, agent.name)
  await tx
    .updateTable('agent')
    .set({ status: 'approved', labels: labelsText(agent.name, labels), approved_at: at })
    .where('id', '=', id)
    .execute()
}

async function relabel(tx: Tx, id: AgentId, labels: Labels): Promise<void> {
  const agent = await requireAgent(tx, id)
  const text = labelsText(agent.name, labels)
  if (text === labelsText(agent.name, agent.labels)) return
  await tx
    .updateTable('agent')
    .set((row) => ({ labels: text, epoch: row('epoch', '+', 1) }))
    .where('id', '=', id)
    .execute()
}

async function revoke(tx: Tx, id: AgentId, at: number): Promise<void> {
  await tx
    .updateTable('agent')
    .set((row) => ({ status: 'revoked' as const, revoked_at: at, epoch: row('epoch', '+', 1) }))
    .where('id', '=', id)
    .execute()
}

async function reject(tx: Tx, id: AgentId): Promise<void> {
  await requirePending(tx, id)
  await deletePending(tx, id)
}

async function recordContact(
  tx: Tx,
  id: AgentId,
  at: number,
  { version, addresses }: { version?: string; addresses?: readonly string[] } = {},
): Promise<void> {
  await tx
    .updateTable('agent')
    .set(defined({ last_seen: at, version, addresses: addresses && toJsonText(addresses) }))
    .where('id', '=', id)
    .execute()
}

/**
 * Checks the name of a host. Hosts choose their names, and operators select hosts by name. So this
 * check must not depend on the version of the host.
 * @throws host-name.refused
 */
async function requireSafeName(tx: Tx, id: AgentId, name: string): Promise<void> {
  requireHostName(name)
  requireNoIdOf(await listOtherIds(tx, id), name)
}

/**
 * Returns the labels as they are stored, in a fixed order. Rejects labels that don't fit into a
 * certificate, because the host could then not connect any more.
 * @throws registry.labels
 */
function labelsText(name: string, labels: Labels): JsonText<Labels> {
  const parsed = labelsField.safeParse(labels)
  if (!parsed.success)
    throw registryError('registry.labels', {
      name,
      reason: describeIssue(parsed.error.issues[0], 'labels'),
    })
  return toCanonicalText(parsed.data)
}
