/**
 * Verifies the whole log on the coordinator: every row against its hash, columns, signature and
 * tiles, and every tile, checkpoint and the head against the tree. It continues after a finding, so
 * the report names every wrong entry.
 */
import type { Kysely } from 'kysely'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { createEntryChain } from '../../shared/audit/entry-chain.ts'
import { type Entry, entryTime } from '../../shared/audit/entry.ts'
import { decodeBundle, decodeHashes, TILE_WIDTH, tilePath } from '../../shared/audit/tile.ts'
import { createTileBuilder, EMPTY_TILES } from '../../shared/audit/tile-builder.ts'
import { append, emptyFrontier, frontierRoot, leafHash, sameHash } from '../../shared/audit/tree.ts'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Tables } from '../database/tables/all.ts'
import { openStored } from './checkpoints.ts'
import { readHead } from './head.ts'

export interface Finding {
  /** The entry; null if the finding is about the head or a checkpoint. */
  readonly index: number | null
  readonly where: 'row' | 'bundle' | 'tile' | 'row and tiles' | 'statement' | 'head' | 'checkpoint'
  readonly reason: string
}

export interface VerifyReport {
  readonly ok: boolean
  /** Number of entries according to the head row. */
  readonly size: number
  /** Computed root of these entries, in hex. */
  readonly root: string
  /** Number of entries that the newest checkpoint covers. */
  readonly signed: number
  readonly checkpoints: number
  /** At most {@link MAX_FINDINGS}. */
  readonly findings: readonly Finding[]
}

/** Enough to find out what happened. */
export const MAX_FINDINGS = 100

export interface VerifyDeps {
  readonly query: Kysely<Tables>
  readonly fleet: FleetId
  /** Reads a file of the log; undefined if there is none. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>
}

type Row = Tables['log_entry']
const NOTHING = new Uint8Array()

/**
 * @param options.tiles number of entries whose tiles are on disk
 * @param options.published this coordinator's checkpoint, which the log must contain
 */
export async function verifyLog(
  deps: VerifyDeps,
  options: { tiles: number; published: Checkpoint | undefined; signal?: AbortSignal },
): Promise<VerifyReport> {
  const { query, fleet } = deps
  const findings: Finding[] = []
  const report = (index: number | null, where: Finding['where'], reason: string): void => {
    const known = index !== null && findings.some((finding) => finding.index === index)
    if (!known && findings.length < MAX_FINDINGS) findings.push({ index, where, reason })
  }
  const attempt = <T>(
    index: number | null,
    where: Finding['where'],
    work: () => T,
  ): T | undefined => {
    try {
      return work()
    } catch (error) {
      report(index, where, (error as Error).message)
      return undefined
    }
  }
  const extent = await readExtent(query, report)
  const size = Math.max(extent, options.tiles, options.published?.size ?? 0)
  const checkpoints = await query.selectFrom('checkpoint').selectAll().orderBy('size').execute()
  const chain = createEntryChain({ fleet })
  const frontier = emptyFrontier()
  // Level 0 and the bundles are compared entry by entry below. The builder makes the levels above.
  const builder = createTileBuilder(EMPTY_TILES, async (name, bytes) => {
    if (name.level === 'entries' || name.level === 0) return
    const stored = await deps.read(tilePath(name))
    const first = name.index * TILE_WIDTH ** (name.level + 1)
    if (stored === undefined || !sameHash(stored, bytes))
      report(first, 'tile', `${tilePath(name)} is not made of the tiles below it`)
  })
  let due = 0

  const checkCheckpoints = (): void => {
    for (
      ;
      due < checkpoints.length && (checkpoints[due] as Tables['checkpoint']).size <= frontier.size;
      due += 1
    ) {
      const row = checkpoints[due] as Tables['checkpoint']
      const issuers =
        chain.root()?.root.issuers.map((issuer) => Buffer.from(issuer.key, 'base64')) ?? []
      attempt(null, 'checkpoint', () => openStored(row, fleet, issuers))
      if (!sameHash(row.root, frontierRoot(frontier)) && findings.length === 0)
        report(
          null,
          'checkpoint',
          `the checkpoint of size ${row.size} has root ${hex(row.root)}, ` +
            `but the entries have root ${hex(frontierRoot(frontier))}`,
        )
    }
    const { published } = options
    if (
      published?.size === frontier.size &&
      !sameHash(published.root, frontierRoot(frontier)) &&
      findings.length === 0
    )
      report(
        null,
        'checkpoint',
        `this coordinator's checkpoint of size ${published.size} has another root than the entries`,
      )
  }

  for (let from = 0; from < size; from += TILE_WIDTH) {
    options.signal?.throwIfAborted()
    const end = Math.min(from + TILE_WIDTH, size)
    const rows = await query
      .selectFrom('log_entry')
      .selectAll()
      .where('index', '>=', from)
      .where('index', '<', end)
      .orderBy('index')
      .execute()
    const tiled = Math.max(0, Math.min(options.tiles - from, TILE_WIDTH))
    const stored = await readTiles(deps, from, tiled, report)
    const hashes: Uint8Array[] = []
    for (let index = from; index < end; index += 1) {
      const row = rows.find((one) => one.index === index)
      const hash = compareEntry(
        row,
        index,
        { bundle: stored.bundle[index - from], tile: stored.tile[index - from] },
        report,
      )
      const entry = row && attempt(index, 'statement', () => chain.next(row.bytes))
      const wrong = row && entry && wrongColumn(row, entry)
      if (wrong !== undefined) report(index, 'statement', wrong)
      hashes.push(hash)
      append(frontier, hash)
      checkCheckpoints()
    }
    const made = hashes.slice(0, tiled)
    // Bundles were compared above, entry by entry. The builder only needs the number of entries.
    if (tiled > 0)
      await builder.add(
        made.map(() => NOTHING),
        made,
      )
  }
  await builder.finish()
  attempt(null, 'statement', () => chain.finish())
  const signed = checkpoints.at(-1)?.size ?? 0
  await compareHead(
    query,
    { size: frontier.size, root: frontierRoot(frontier), signed },
    findings,
    report,
  )
  return {
    ok: findings.length === 0,
    size: extent,
    root: hex(frontierRoot(frontier)),
    signed,
    checkpoints: checkpoints.length,
    findings,
  }
}

type Report = (index: number | null, where: Finding['where'], reason: string) => void

/**
 * The number of entries according to the head row, or to the rows if the head is gone or smaller.
 */
async function readExtent(query: Kysely<Tables>, report: Report): Promise<number> {
  // One statement, so that a concurrent append does not look like one row too many.
  const row = await query
    .selectFrom('log_entry')
    .select((select) => [
      select.fn.max<number | null>('index').as('last'),
      select.selectFrom('log_head').select('size').where('id', '=', 1).as('size'),
    ])
    .executeTakeFirstOrThrow()
  const rows = (row.last ?? -1) + 1
  if (row.size === null) report(null, 'head', 'the head row is gone')
  else if (rows > row.size)
    for (let index = row.size; index < Math.min(rows, row.size + MAX_FINDINGS); index += 1)
      report(index, 'row', 'it is after the end of the log')
  return row.size ?? rows
}

async function readTiles(
  deps: VerifyDeps,
  from: number,
  width: number,
  report: Report,
): Promise<{ bundle: (Uint8Array | undefined)[]; tile: (Uint8Array | undefined)[] }> {
  if (width === 0) return { bundle: [], tile: [] }
  const index = from / TILE_WIDTH
  const paths = {
    bundle: tilePath({ level: 'entries', index, width }),
    tile: tilePath({ level: 0, index, width }),
  }
  const bundle = decodeBundle((await deps.read(paths.bundle)) ?? new Uint8Array(), width)?.map(
    leafHash,
  )
  const tile = decodeHashes((await deps.read(paths.tile)) ?? new Uint8Array(), width)
  if (bundle === undefined)
    report(from, 'bundle', `${paths.bundle} is missing or does not hold ${width} entries`)
  if (tile === undefined)
    report(from, 'tile', `${paths.tile} is missing or does not hold ${width} hashes`)
  return { bundle: bundle ?? [], tile: tile ?? [] }
}

/**
 * Compares the row, the bundle and the tile of an entry, and reports the one that differs.
 * @returns the hash to continue with
 */
function compareEntry(
  row: Row | undefined,
  index: number,
  stored: { bundle: Uint8Array | undefined; tile: Uint8Array | undefined },
  report: Report,
): Uint8Array {
  if (row === undefined) {
    report(index, 'row', 'its row is missing')
    return stored.tile ?? stored.bundle ?? leafHash(new Uint8Array())
  }
  const computed = leafHash(row.bytes)
  const { bundle, tile } = stored
  const agrees = (hash: Uint8Array | undefined): boolean =>
    hash === undefined || sameHash(hash, computed)
  if (agrees(row.leaf_hash) && agrees(bundle) && agrees(tile)) return computed
  if (bundle !== undefined && tile !== undefined && sameHash(bundle, tile)) {
    report(
      index,
      'row',
      sameHash(row.leaf_hash, computed)
        ? 'its row is not what was signed'
        : 'its bytes do not have the hash that was stored with them',
    )
    return tile
  }
  if (!agrees(row.leaf_hash))
    report(index, 'row', 'its bytes do not have the hash that was stored with them')
  else if (agrees(tile)) report(index, 'bundle', 'its bundle holds other bytes than its row')
  else if (agrees(bundle)) report(index, 'tile', 'its tile holds another hash than its row')
  else
    report(index, 'row and tiles', 'its row, its bundle and its tile have three different hashes')
  return computed
}

/** The first column that contradicts the bytes. */
function wrongColumn(row: Row, entry: Entry): string | undefined {
  const fromBytes = {
    at: entryTime(entry),
    type: entry.type,
    operation: entry.operation,
    actor: fingerprintOf(Buffer.from(entry.key, 'base64')),
  }
  const column = (['at', 'type', 'operation', 'actor'] as const).find(
    (name) => row[name] !== fromBytes[name],
  )
  return column && `its column ${column} is ${row[column]}, but its bytes have ${fromBytes[column]}`
}

async function compareHead(
  query: Kysely<Tables>,
  found: { size: number; root: Uint8Array; signed: number },
  findings: readonly Finding[],
  report: Report,
): Promise<void> {
  try {
    const head = await readHead(query)
    const known = Math.max(found.size, found.signed)
    if (head.size < known)
      report(null, 'head', `the head counts ${head.size} entries, but ${known} were signed`)
    else if (head.size === found.size && !sameHash(head.root, found.root) && findings.length === 0)
      report(null, 'head', 'its root is not the root of the entries')
  } catch (error) {
    report(null, 'head', (error as Error).message)
  }
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
