/**
 * The table of checkpoints, which all coordinators of a fleet share. It has at most one signed note
 * for each size, and sizes only grow.
 */
import type { Kysely } from 'kysely'
import { type Checkpoint, openCheckpoint } from '../../shared/audit/checkpoint.ts'
import { decodeEntry, statementOf } from '../../shared/audit/entry.ts'
import { sameHash } from '../../shared/audit/tree.ts'
import type { FleetId } from '../../shared/ids.ts'
import { nextRoot, openRoot, type RootState } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'
import { lockHead } from './head.ts'

/**
 * The newest checkpoint that any coordinator signed, with its signature verified; undefined if
 * there is none.
 */
export async function newestCheckpoint(
  query: Kysely<Tables>,
  fleet: FleetId,
): Promise<Checkpoint | undefined> {
  const row = await query
    .selectFrom('checkpoint')
    .selectAll()
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  // Outside of the try block: an unreachable database proves nothing about the log, and must not
  // freeze it.
  const { all } = await issuersOf(query)
  try {
    return openStored(row, fleet, all)
  } catch (cause) {
    if (ledgerError.is(cause)) throw cause
    throw ledgerError(
      'ledger.damaged',
      {
        index: null,
        reason: `the checkpoint row of size ${row.size}: ${(cause as Error).message}`,
      },
      { cause },
    )
  }
}

/**
 * Opens a row. Its note must match its columns and be signed by one of the keys.
 * @throws ledger.damaged, audit.note, audit.checkpoint
 */
export function openStored(
  row: Tables['checkpoint'],
  fleet: FleetId,
  issuers: readonly Uint8Array[],
): Checkpoint {
  const checkpoint = openCheckpoint(row.note, { fleet, issuers })
  if (checkpoint.size !== row.size || !sameHash(checkpoint.root, row.root))
    throw ledgerError('ledger.damaged', {
      index: null,
      reason: `the checkpoint row of size ${row.size} does not match its note`,
    })
  return checkpoint
}

/**
 * Stores a checkpoint unless one of the same size or a larger one exists.
 * @returns false if another coordinator was first
 * @throws ledger.forked if a checkpoint of the same size has another root
 */
export async function storeCheckpoint(
  database: Database,
  checkpoint: Checkpoint,
): Promise<boolean> {
  return database.transaction(async (tx) => {
    // Under the head's lock, comparing and storing is one step among all coordinators.
    await lockHead(tx, database.dialect)
    const newest = await tx
      .selectFrom('checkpoint')
      .select(['size', 'root'])
      .orderBy('size', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (newest !== undefined && newest.size >= checkpoint.size) {
      if (newest.size === checkpoint.size && !sameHash(newest.root, checkpoint.root))
        throw ledgerError('ledger.forked', {
          source: 'a stored checkpoint',
          size: newest.size,
          known: hex(newest.root),
          got: hex(checkpoint.root),
        })
      return false
    }
    const { size, root, note, at } = checkpoint
    await tx.insertInto('checkpoint').values({ size, root, note, at }).execute()
    return true
  })
}

export interface Issuers {
  /**
   * The keys of every root in the log. An old checkpoint may have been signed under an older root.
   */
  readonly all: readonly Uint8Array[]
  /** The keys of the current root. Only these may sign. */
  readonly current: readonly Uint8Array[]
}

/** The issuing keys, 32 bytes each, from the log itself. */
export async function issuersOf(query: Kysely<Tables>): Promise<Issuers> {
  const rows = await query
    .selectFrom('log_entry')
    .select(['index', 'bytes'])
    .where('type', '=', 'root')
    .orderBy('index')
    .execute()
  const keys = new Set<string>()
  let state: RootState | undefined
  let signatures: Signed[] = []
  for (const row of rows) {
    const { signed } = statementOf(decodeEntry(row.bytes, row.index), row.index)
    // Another signature of the current root.
    if (
      state?.signatures.some((known) => Buffer.from(known.statement).equals(signed.statement)) ===
      true
    )
      continue
    signatures = signatures.every((other) => Buffer.from(other.statement).equals(signed.statement))
      ? [...signatures, signed]
      : [signed]
    try {
      state = state === undefined ? openRoot(signatures) : nextRoot(state, signatures)
      signatures = []
    } catch {
      // Not enough signatures yet. `verify` reports it if they never arrive.
      continue
    }
    for (const issuer of state.root.issuers) keys.add(issuer.key)
  }
  const decode = (key: string): Uint8Array => Buffer.from(key, 'base64')
  return {
    all: [...keys].map(decode),
    current: (state?.root.issuers ?? []).map((issuer) => decode(issuer.key)),
  }
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
