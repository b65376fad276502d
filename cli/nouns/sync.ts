/**
 * Syncs a repository and shows its progress. At the end it prints one line, or every missing file.
 */
import { defined } from '../../shared/defined.ts'
import type { OperateResult } from '../../protocols/control/messages.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { formatDuration, formatSize } from '../../shared/units.ts'
import type { CommandContext } from '../program/handler.ts'
import { cliError } from '../terminal/errors.ts'
import { errorOf } from '../session/results.ts'
import { pinnedNotice } from './served.ts'
import type { Session } from '../session/session.ts'
import type { Progress } from '../terminal/progress.ts'
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
  /** The newest version of the repository in the mirror. */
  readonly version: number
  /** The version that `latest` serves. It is older if an operator selected a snapshot. */
  readonly served: number
  /** The snapshot that an operator selected. */
  readonly pinned: string | null
  readonly snapshot: string | null
  readonly seconds: number
}

/**
 * Syncs one repository and calls `done` if the sync is complete.
 * @returns EXIT.done, or EXIT.partly if files are missing. @throws the error that ended the sync
 */
export async function syncRepository(
  context: CommandContext<unknown, unknown>,
  session: Session,
  options: SyncOptions,
  done: (row: SyncRow) => Promise<void>,
): Promise<number> {
  const { id } = options
  const progress = await context.progress({ what: id, unit: 'files' })
  const started = context.clock.monotonic()
  try {
    const result = await requestSync(session, options, progress)
    progress.stop()
    if (result.result !== 'done') return await reportFailures(context, id, result)
    const seconds = Math.round(context.clock.monotonic() - started) / 1000
    const row = syncRow(options, result.detail, seconds)
    await done(row)
    if (row.pinned !== null) await context.note(pinnedNotice(id, row.pinned, row.served))
    for (const note of linesOf(result.detail['notes'])) await context.note(`${id}: ${note}`)
    return EXIT.done
  } catch (error) {
    const { aborted, reason } = context.signal
    if (!aborted || !cliError.is(reason, 'cli.interrupted')) throw error
    // An interrupt doesn't stop an operation that the coordinator has accepted.
    const goesOn =
      'the coordinator continues the sync; ' +
      `run \`muster repo show --repo-id ${id}\` to see the result`
    throw cliError('cli.detached', { goesOn }, { cause: error })
  } finally {
    progress.stop()
  }
}

async function requestSync(
  session: Session,
  { id, snapshot, allowRollback, acceptShrink }: SyncOptions,
  progress: Progress,
): Promise<OperateResult> {
  const createSnapshot = snapshot !== undefined
  const { results } = await session.operate(
    {
      verb: 'repo.sync',
      targets: [id],
      arguments: {
        allowRollback,
        acceptShrink,
        createSnapshot,
        ...defined({ snapshotName: snapshot }),
      },
    },
    {
      onProgress: ({ what: phase, files: count = 0, of = 0, done: bytes, total }) =>
        progress.state({ phase, count, of, bytes, total }),
    },
  )
  const [result] = results
  if (result === undefined) throw new Error('the coordinator returned no result')
  return result
}

/** Prints each missing file. @throws every error other than an incomplete sync */
async function reportFailures(
  context: CommandContext<unknown, unknown>,
  id: string,
  result: OperateResult,
): Promise<number> {
  // The upstream chooses the names in these lines.
  for (const line of linesOf(result.detail['failures']))
    await context.stderr.write(`${printable(`${id}: ${line}`)}\n`)
  const error = errorOf(result, id)
  if (result.detail['outcome'] !== 'incomplete') throw error
  await context.report(error)
  return EXIT.partly
}

function linesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** Older coordinators send `revision` instead of `version` and `served`. */
function syncRow(
  { id, snapshot }: SyncOptions,
  detail: OperateResult['detail'],
  seconds: number,
): SyncRow {
  const number = (value: unknown): number => Number(value ?? 0)
  return {
    repository: id,
    changed: detail['changed'] !== false,
    fetched: number(detail['fetched']),
    bytes: number(detail['bytes']),
    unchanged: number(detail['unchanged']),
    removed: number(detail['removed']),
    version: number(detail['version'] ?? detail['revision']),
    served: number(detail['served'] ?? detail['revision']),
    pinned: typeof detail['pinned'] === 'string' ? detail['pinned'] : null,
    snapshot: snapshot ?? null,
    seconds,
  }
}

/** Returns the line for people. */
export function syncLine(row: SyncRow): string {
  const took = formatDuration(row.seconds * 1000)
  const snapshot = row.snapshot === null ? '' : `; snapshot ${row.snapshot} created`
  return `${row.repository}: ${changesOf(row)} (${took})${snapshot}`
}

function changesOf(row: SyncRow): string {
  if (!row.changed) return 'nothing to do, upstream is unchanged'
  const kept = row.pinned === null ? 'published' : 'kept'
  return (
    `${row.fetched} fetched (${formatSize(row.bytes)}), ${row.unchanged} unchanged, ` +
    `${row.removed} removed; ${kept} as version ${row.version}`
  )
}
