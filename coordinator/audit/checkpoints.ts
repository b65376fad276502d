/**
 * The table of checkpoints, which all coordinators of a fleet share. It has at most one signed note
 * for each size, and sizes only grow.
 */
import type { Kysely } from 'kysely'
import { asError } from '../../shared/as-error.ts'
import { type Checkpoint, openCheckpoint } from '../../shared/audit/checkpoint.ts'
import { decodeEntry, statementOf } from '../../shared/audit/entry.ts'
import { sameHash } from '../../shared/audit/tree.ts'
import type { FleetId } from '../../shared/ids.ts'
import { nextRoot, openRoot, type RootState } from '../../shared/trust/root-chain.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'
import { type Head, lockHead } from './head.ts'

/**
 * Returns the newest checkpoint that any coordinator signed, after verifying its signature.
 * Undefined if there is none.
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
  // Outside of the try block, because an unreachable database proves nothing about the log. It must
  // not freeze the log.
  const { all } = await issuersOf(query)
  try {
    return openStored(row, fleet, all)
  } catch (cause) {
    if (ledgerError.is(cause)) throw cause
    const reason = `the checkpoint row of size ${row.size}: ${asError(cause).message}`
    throw ledgerError('ledger.damaged', { index: null, reason }, { cause })
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
    // Under the head's lock, no other coordinator can store a checkpoint after the comparison.
    await lockHead(tx, database.dialect)
    const newest = await tx
      .selectFrom('checkpoint')
      .select(['size', 'root'])
      .orderBy('size', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (newest !== undefined && newest.size >= checkpoint.size) {
      if (newest.size === checkpoint.size)
        requireSameLog(newest, checkpoint.root, 'a stored checkpoint')
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

/** Reads the issuing keys, 32 bytes each, from the log itself. */
export async function issuersOf(query: Kysely<Tables>): Promise<Issuers> {
  const rows = await query
    .selectFrom('log_entry')
    .select(['index', 'bytes'])
    .where('type', '=', 'root')
    .orderBy('index')
    .execute()
  const roots = rootStates(
    rows.map((row) => statementOf(decodeEntry(row.bytes, row.index), row.index).signed),
  )
  const keys = roots.map(({ root }) => root.issuers.map((issuer) => issuer.key))
  const decode = (key: string): Uint8Array => Buffer.from(key, 'base64')
  return { all: [...new Set(keys.flat())].map(decode), current: (keys.at(-1) ?? []).map(decode) }
}

/** Returns the versions of the root, oldest first. Each entry contains one signature. */
function rootStates(signed: readonly Signed[]): RootState[] {
  const states: RootState[] = []
  let signatures: Signed[] = []
  for (const next of signed) {
    const state = states.at(-1)
    // Another signature of the current root.
    if (state?.signatures.some((known) => isSameStatement(known, next)) === true) continue
    signatures = signatures.every((other) => isSameStatement(other, next))
      ? [...signatures, next]
      : [next]
    try {
      states.push(state === undefined ? openRoot(signatures) : nextRoot(state, signatures))
      signatures = []
    } catch {
      // Not enough signatures yet. `verify` reports it if they never arrive.
    }
  }
  return states
}

function isSameStatement(a: Signed, b: Signed): boolean {
  return Buffer.from(a.statement).equals(b.statement)
}

/** @throws ledger.rolled-back if the log has lost entries that were signed */
export function requireNotSmaller(head: Head, known: Checkpoint | undefined, source: string): void {
  if (known !== undefined && known.size > head.size)
    throw ledgerError('ledger.rolled-back', { source, known: known.size, got: head.size })
}

/** @throws ledger.forked if the log has another root than the one that was signed */
export function requireSameLog(
  known: Pick<Checkpoint, 'size' | 'root'>,
  root: Uint8Array,
  source: string,
): void {
  if (sameHash(known.root, root)) return
  throw ledgerError('ledger.forked', {
    source,
    size: known.size,
    known: hex(known.root),
    got: hex(root),
  })
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
