/**
 * Writes the log as a bundle that verifies offline. shared/audit/bundle.ts describes the format.
 */
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Kysely } from 'kysely'
import { asError } from '../../shared/as-error.ts'
import { CHECKPOINT_FILE } from '../../shared/audit/bundle-layout.ts'
import { type BundleReport, verifyBundle } from '../../shared/audit/bundle.ts'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import { TILE_WIDTH, tilePath } from '../../shared/audit/tile.ts'
import { createTileBuilder, EMPTY_TILES } from '../../shared/audit/tile-builder.ts'
import { defined } from '../../shared/defined.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { syncFolder } from '../../shared/durable-file.ts'
import { errno } from '../../shared/errno.ts'
import { MusterError } from '../../shared/errors.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import type { Tables } from '../database/tables/all.ts'
import { ledgerError } from './errors.ts'
import { readRows } from './rows.ts'
import { tileFiles } from './tile-files.ts'

/** Other users may read a bundle. */
const FILE_MODE = 0o644

/**
 * Writes the log up to `checkpoint` into the new folder `folder`. It checks the bundle before the
 * folder gets its name.
 * @throws ledger.export-exists, ledger.storage, ledger.damaged, audit.*
 */
export async function exportLog(
  deps: { query: Kysely<Tables>; random: Random },
  options: {
    checkpoint: Checkpoint
    fleet: FleetId
    folder: string
    signal?: AbortSignal | undefined
  },
): Promise<BundleReport> {
  const { checkpoint, fleet, folder, signal } = options
  await requireAbsent(folder)
  const temporary = join(
    dirname(folder),
    `.${basename(folder)}.${Buffer.from(deps.random.bytes(6)).toString('hex')}.tmp`,
  )
  try {
    await writeBundle(deps, temporary, { checkpoint, signal })
    const report = await verifyBundle(temporary, defined({ fleet, signal }))
    // Crash before this: a hidden folder is left. It doesn't look like a bundle.
    await rename(temporary, folder)
    await syncFolder(dirname(folder))
    return report
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    if (errno(error) === 'ENOTEMPTY')
      throw ledgerError('ledger.export-exists', { folder }, { cause: error })
    const reason = error instanceof MusterError ? undefined : diskReason(error)
    if (reason === undefined) throw error
    throw ledgerError('ledger.storage', { path: folder, reason }, { cause: error })
  }
}

async function writeBundle(
  deps: { query: Kysely<Tables>; random: Random },
  folder: string,
  { checkpoint, signal }: { checkpoint: Checkpoint; signal: AbortSignal | undefined },
): Promise<void> {
  const files = tileFiles(deps, { folder, mode: FILE_MODE })
  const builder = createTileBuilder(EMPTY_TILES, (name, bytes) =>
    files.write(tilePath(name), bytes),
  )
  for (let from = 0; from < checkpoint.size; from += TILE_WIDTH) {
    signal?.throwIfAborted()
    const rows = await readRows(deps.query, from, checkpoint.size)
    await builder.add(
      rows.map((row) => row.bytes),
      rows.map((row) => row.hash),
    )
  }
  await builder.finish()
  await files.write(CHECKPOINT_FILE, Buffer.from(checkpoint.note))
}

async function requireAbsent(folder: string): Promise<void> {
  const there = await access(folder).then(
    () => true,
    () => false,
  )
  if (there) throw ledgerError('ledger.export-exists', { folder })
  try {
    await mkdir(dirname(folder), { recursive: true })
  } catch (cause) {
    const reason = diskReason(cause) ?? asError(cause).message
    throw ledgerError('ledger.storage', { path: dirname(folder), reason }, { cause })
  }
}
