/**
 * One repository's sync as a person watches it: progress while it goes on, one line when it is
 * done, every missing file when it is not.
 */
import { defined } from '../../shared/defined.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { formatDuration, formatSize } from '../../shared/units.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import { errorOf } from '../session/results.ts'
import { pinnedNotice } from './served.ts'
import type { Session } from '../session/session.ts'
import { printable } from '../terminal/sink.ts'

export interface SyncOptions {
  readonly id: string
  readonly snapshot: string | undefined
  readonly allowRollback: boolean
  readonly acceptShrink: boolean
}

export interface SyncRow {
  readonly repository: string
  readonly changed: boolean
  readonly fetched: number
  readonly bytes: number
  readonly unchanged: number
  readonly removed: number
  /** The newest of our versions of the repository. */
  readonly version: number
  /** The version that `latest` serves: another one where an operator put it on a snapshot. */
  readonly served: number
  /** That snapshot. */
  readonly pinned: string | null
  readonly snapshot: string | null
  readonly seconds: number
}

/**
 * `done` is told of a sync that is complete. @returns EXIT.done, or EXIT.partly where files are
 * missing. @throws what stopped the sync altogether
 */
export async function syncRepository(
  context: CommandContext<unknown, unknown>,
  session: Session,
  options: SyncOptions,
  done: (row: SyncRow) => Promise<void>,
): Promise<number> {
  const { id, snapshot } = options
  const progress = await context.progress({ what: id, unit: 'files' })
  const started = context.clock.monotonic()
  try {
    const { allowRollback, acceptShrink } = options
    const order = {
      allowRollback,
      acceptShrink,
      createSnapshot: snapshot !== undefined,
      ...defined({ snapshotName: snapshot }),
    }
    const response = await session.operate(
      { verb: 'repo.sync', targets: [id], arguments: order },
      {
        onProgress: (report) =>
          progress.state({
            phase: report.what,
            count: report.files ?? 0,
            of: report.of ?? 0,
            bytes: report.done,
            total: report.total,
          }),
      },
    )
    progress.stop()
    const [row] = response.results
    if (row === undefined) throw new Error('the coordinator answered without a result')
    const { detail } = row
    if (row.result !== 'done') {
      const failures = Array.isArray(detail['failures']) ? detail['failures'] : []
      // Upstream chooses the names in them.
      for (const line of failures) await context.stderr.write(`${printable(`${id}: ${line}`)}\n`)
      const error = errorOf(row, id)
      if (detail['outcome'] !== 'incomplete') throw error
      await context.report(error)
      return EXIT.partly
    }
    const served = Number(detail['served'] ?? detail['revision'] ?? 0)
    const pinned = typeof detail['pinned'] === 'string' ? detail['pinned'] : null
    const seconds = Math.round(context.clock.monotonic() - started) / 1000
    await done({
      repository: id,
      changed: detail['changed'] !== false,
      fetched: Number(detail['fetched'] ?? 0),
      bytes: Number(detail['bytes'] ?? 0),
      unchanged: Number(detail['unchanged'] ?? 0),
      removed: Number(detail['removed'] ?? 0),
      version: Number(detail['version'] ?? detail['revision'] ?? 0),
      served,
      pinned,
      snapshot: snapshot ?? null,
      seconds,
    })
    if (pinned !== null) await context.note(pinnedNotice(id, pinned, served))
    for (const note of Array.isArray(detail['notes']) ? detail['notes'] : [])
      await context.note(`${id}: ${note}`)
    return EXIT.done
  } catch (error) {
    const { aborted, reason } = context.signal
    if (!aborted || !cliError.is(reason, 'cli.interrupted')) throw error
    // The coordinator completes an operation that it has accepted.
    const goesOn = `the coordinator goes on; muster repo show --repo-id ${id} shows the result`
    throw cliError('cli.detached', { goesOn }, { cause: error })
  } finally {
    progress.stop()
  }
}

/** What people read of it. */
export function syncLine({
  repository,
  changed,
  fetched,
  bytes,
  unchanged,
  removed,
  version,
  pinned,
  snapshot,
  seconds,
}: SyncRow): string {
  const kept = pinned === null ? 'published' : 'kept'
  const what = changed
    ? `${fetched} fetched (${formatSize(bytes)}), ${unchanged} unchanged, ${removed} removed; ${kept} as version ${version}`
    : 'nothing to do, upstream is unchanged'
  return `${repository}: ${what} (${formatDuration(seconds * 1000)})${snapshot === null ? '' : `; snapshot ${snapshot} created`}`
}
