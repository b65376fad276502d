/** Reads the database rows of hosts. */
import type { Selectable as Row } from 'kysely'
import { rfc3339 } from '../../shared/clock.ts'
import { foldName } from '../../shared/host-name.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import { type AgentId, agentId, type Fingerprint } from '../../shared/ids.ts'
import { fromJsonText, toJsonText } from '../database/schema/json-text.ts'
import type { Tables } from '../database/tables/all.ts'
import type { Tx } from './statements.ts'

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
  /** Revocation and a change of labels raise it. Certificates of an older epoch are void. */
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

export async function listAgents(tx: Tx): Promise<AgentRecord[]> {
  return (await tx.selectFrom('agent').selectAll().orderBy('name').execute()).map(fromRow)
}

export async function findAgent(
  tx: Tx,
  column: 'id' | 'peer_id',
  value: string,
): Promise<AgentRecord | undefined> {
  const row = await tx.selectFrom('agent').selectAll().where(column, '=', value).executeTakeFirst()
  return row && fromRow(row)
}

/** Finds the host with the same name, ignoring case. */
export async function findNamesake(tx: Tx, name: string): Promise<AgentRecord | undefined> {
  const row = await tx
    .selectFrom('agent')
    .selectAll()
    .where((expression) => expression(expression.fn('lower', ['name']), '=', foldName(name)))
    .executeTakeFirst()
  return row && fromRow(row)
}

export async function listOtherIds(tx: Tx, id: AgentId): Promise<string[]> {
  const others = await tx.selectFrom('agent').select('id').where('id', '!=', id).execute()
  return others.map((other) => other.id)
}

export async function countPending(tx: Tx): Promise<number> {
  const { count } = await tx
    .selectFrom('agent')
    .select((row) => row.fn.countAll().as('count'))
    .where('status', '=', 'pending')
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function insertPending(
  tx: Tx,
  candidate: Candidate,
  at: number,
): Promise<AgentRecord> {
  const row = await tx
    .insertInto('agent')
    .values({
      id: candidate.id,
      peer_id: candidate.peerId,
      public_key: Buffer.from(candidate.publicKey),
      name: candidate.name,
      status: 'pending',
      labels: toJsonText({}),
      claims: toJsonText(candidate.claims),
      epoch: 1,
      enrolled_at: at,
      approved_at: null,
      revoked_at: null,
      last_seen: null,
      version: candidate.version,
      addresses: toJsonText([]),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return fromRow(row)
}

export async function deletePending(tx: Tx, id: AgentId): Promise<void> {
  await tx.deleteFrom('agent').where('id', '=', id).where('status', '=', 'pending').execute()
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
    labels: fromJsonText(row.labels),
    claims: fromJsonText(row.claims),
    epoch: row.epoch,
    enrolledAt: row.approved_at === null ? null : rfc3339(row.approved_at),
    lastSeen: row.last_seen === null ? null : rfc3339(row.last_seen),
    version: row.version,
    addresses: fromJsonText(row.addresses),
  }
}
