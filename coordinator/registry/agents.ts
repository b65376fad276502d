/**
 * The hosts of the fleet as the coordinator knows them. A row is made when a host first asks to
 * join. The row of a revoked host is never deleted, so no other host can take its id, name or key.
 */
import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import type { Kysely, Selectable as Row } from 'kysely'
import { canonicalJson } from '../../shared/canonical-json.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { foldName, requireHostName, requireNoIdOf } from '../../shared/host-name.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import { type AgentId, agentId, type Fingerprint } from '../../shared/ids.ts'
import { describeIssue } from '../../shared/schema-issue.ts'
import { labelsField } from '../../shared/trust/fields.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
import { registryError } from './errors.ts'
import { selectHost, selectHosts } from './selector.ts'

export type AgentStatus = 'pending' | 'approved' | 'revoked'

export interface AgentRecord {
  readonly id: AgentId
  readonly name: string
  readonly status: AgentStatus
  readonly peerId: string
  readonly publicKey: Uint8Array
  readonly fingerprint: Fingerprint
  readonly labels: Readonly<Record<string, string>>
  /** The claims that the host sent when it asked to join. */
  readonly claims: Readonly<Record<string, string>>
  /** Raised by revocation and by a change of labels. Certificates of an older epoch are void. */
  readonly epoch: number
  readonly enrolledAt: string | null
  readonly lastSeen: string | null
  readonly version: string | null
  readonly addresses: readonly string[]
}

export interface Candidate {
  readonly id: AgentId
  readonly name: string
  readonly peerId: string
  readonly publicKey: Uint8Array
  readonly claims: Readonly<Record<string, string>>
  readonly version: string
}

type Tx = Kysely<Tables>

/** The host with the same name, ignoring case. */
async function namesake(tx: Tx, name: string): Promise<AgentRecord | undefined> {
  const row = await tx
    .selectFrom('agent')
    .selectAll()
    .where((expression) => expression(expression.fn('lower', ['name']), '=', foldName(name)))
    .executeTakeFirst()
  return row && fromRow(row)
}

/**
 * Hosts choose their names, and operators select hosts by name here. The check must not depend on
 * the version of the host.
 * @throws host-name.refused
 */
async function requireSafeName(tx: Tx, id: AgentId, name: string): Promise<void> {
  requireHostName(name)
  const others = await tx.selectFrom('agent').select('id').where('id', '!=', id).execute()
  requireNoIdOf(
    others.map((other) => other.id),
    name,
  )
}

/** Hosts that may wait for approval at once. More of them are a flood, not a roll-out. */
const MAX_PENDING = 1000

export interface Agents {
  list(): Promise<AgentRecord[]>
  byId(id: AgentId, tx?: Tx): Promise<AgentRecord | undefined>
  byPeer(peerId: string, tx?: Tx): Promise<AgentRecord | undefined>
  /** @throws registry.unknown-host, registry.ambiguous-host */
  find(text: string): Promise<AgentRecord>
  /** Only approved hosts. @throws registry.unknown-host if a selector matches none */
  select(selectors: readonly string[]): Promise<AgentRecord[]>
  /**
   * Records a host that asks to join. Asking again with the same id, key and name changes nothing.
   * An `invited` host has a token that the same transaction checks. It is admitted even if too many
   * strangers wait.
   * @throws registry.*-taken, registry.revoked
   */
  admit(
    tx: Tx,
    candidate: Candidate,
    at: number,
    options?: { invited?: boolean },
  ): Promise<AgentRecord>
  /**
   * Removes a pending host with this name (ignoring case) if it came without a token. Such a host
   * could take any name at no cost.
   */
  displace(tx: Tx, name: string): Promise<AgentRecord | undefined>
  approve(tx: Tx, id: AgentId, labels: Record<string, string>, at: number): Promise<void>
  relabel(tx: Tx, id: AgentId, labels: Record<string, string>): Promise<void>
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
  const { database } = deps

  const list = async (): Promise<AgentRecord[]> =>
    (await database.query.selectFrom('agent').selectAll().orderBy('name').execute()).map(fromRow)

  const one = async (
    column: 'id' | 'peer_id',
    value: string,
    tx: Tx = database.query,
  ): Promise<AgentRecord | undefined> => {
    const row = await tx
      .selectFrom('agent')
      .selectAll()
      .where(column, '=', value)
      .executeTakeFirst()
    return row && fromRow(row)
  }

  return {
    list,
    byId: (id, tx) => one('id', id, tx),
    byPeer: (peerId, tx) => one('peer_id', peerId, tx),
    find: async (text) => selectHost(await list(), text),
    select: async (selectors) =>
      selectHosts(
        (await list()).filter((agent) => agent.status === 'approved'),
        selectors,
      ),

    async admit(tx, candidate, at, { invited = false } = {}) {
      const known = await one('id', candidate.id, tx)
      if (known) {
        if (known.peerId !== candidate.peerId)
          throw enrollRefusal('registry.agent-taken', { agent: candidate.id })
        if (known.status === 'revoked')
          throw enrollRefusal('registry.revoked', { name: known.name })
        return known
      }
      const sameKey = await one('peer_id', candidate.peerId, tx)
      if (sameKey) throw enrollRefusal('registry.key-taken', { name: sameKey.name })
      await requireSafeName(tx, candidate.id, candidate.name)
      const other = await namesake(tx, candidate.name)
      if (other) throw enrollRefusal('registry.name-taken', { name: other.name })
      const pending = await tx
        .selectFrom('agent')
        .select((row) => row.fn.countAll().as('count'))
        .where('status', '=', 'pending')
        .executeTakeFirstOrThrow()
      if (!invited && Number(pending.count) >= MAX_PENDING)
        throw registryError('registry.too-many-pending', { limit: MAX_PENDING })
      await tx
        .insertInto('agent')
        .values({
          id: candidate.id,
          peer_id: candidate.peerId,
          public_key: Buffer.from(candidate.publicKey),
          name: candidate.name,
          status: 'pending',
          labels: '{}',
          claims: JSON.stringify(candidate.claims),
          epoch: 1,
          enrolled_at: at,
          approved_at: null,
          revoked_at: null,
          last_seen: null,
          version: candidate.version,
          addresses: '[]',
        })
        .execute()
      return (await one('id', candidate.id, tx)) as AgentRecord
    },

    async displace(tx, name) {
      const holder = await namesake(tx, name)
      if (holder?.status !== 'pending') return undefined
      const invited = await tx
        .selectFrom('enroll_token')
        .select('hash')
        .where('used_by', '=', holder.id)
        .executeTakeFirst()
      if (invited !== undefined) return undefined
      await tx
        .deleteFrom('agent')
        .where('id', '=', holder.id)
        .where('status', '=', 'pending')
        .execute()
      return holder
    },

    async approve(tx, id, labels, at) {
      const agent = await one('id', id, tx)
      if (!agent) throw registryError('registry.unknown-host', { host: id })
      if (agent.status !== 'pending')
        throw registryError('registry.not-pending', { name: agent.name, status: agent.status })
      // The host may have waited since a version that accepted any name.
      await requireSafeName(tx, id, agent.name)
      await tx
        .updateTable('agent')
        .set({ status: 'approved', labels: labelsText(agent.name, labels), approved_at: at })
        .where('id', '=', id)
        .execute()
    },

    async relabel(tx, id, labels) {
      const agent = await one('id', id, tx)
      if (!agent) throw registryError('registry.unknown-host', { host: id })
      const text = labelsText(agent.name, labels)
      if (text === labelsText(agent.name, agent.labels)) return
      await tx
        .updateTable('agent')
        .set((row) => ({ labels: text, epoch: row('epoch', '+', 1) }))
        .where('id', '=', id)
        .execute()
    },

    async revoke(tx, id, at) {
      await tx
        .updateTable('agent')
        .set((row) => ({ status: 'revoked' as const, revoked_at: at, epoch: row('epoch', '+', 1) }))
        .where('id', '=', id)
        .execute()
    },

    async reject(tx, id) {
      const agent = await one('id', id, tx)
      if (!agent) throw registryError('registry.unknown-host', { host: id })
      if (agent.status !== 'pending')
        throw registryError('registry.not-pending', { name: agent.name, status: agent.status })
      await tx.deleteFrom('agent').where('id', '=', id).where('status', '=', 'pending').execute()
    },

    async recordContact(id, at, facts = {}) {
      await database.query
        .updateTable('agent')
        .set({
          last_seen: at,
          ...(facts.version === undefined ? {} : { version: facts.version }),
          ...(facts.addresses === undefined ? {} : { addresses: JSON.stringify(facts.addresses) }),
        })
        .where('id', '=', id)
        .execute()
    },
  }
}

/**
 * Labels as they are stored, in one order. Without this check a host could get labels that no
 * certificate can hold, and would be locked out.
 * @throws registry.labels
 */
function labelsText(name: string, labels: Readonly<Record<string, string>>): string {
  const parsed = labelsField.safeParse(labels)
  if (!parsed.success)
    throw registryError('registry.labels', {
      name,
      reason: describeIssue(parsed.error.issues[0], 'labels'),
    })
  return canonicalJson(parsed.data)
}

function fromRow(row: Row<Tables['agent']>): AgentRecord {
  const publicKey = new Uint8Array(row.public_key)
  return {
    id: agentId.parse(row.id),
    name: row.name,
    status: row.status,
    peerId: row.peer_id,
    publicKey,
    fingerprint: fingerprintOf(publicKey),
    labels: JSON.parse(row.labels) as Record<string, string>,
    claims: JSON.parse(row.claims) as Record<string, string>,
    epoch: row.epoch,
    enrolledAt: row.approved_at === null ? null : rfc3339(row.approved_at),
    lastSeen: row.last_seen === null ? null : rfc3339(row.last_seen),
    version: row.version,
    addresses: JSON.parse(row.addresses) as string[],
  }
}
