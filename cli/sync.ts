/** One repository's sync as a person watches it: progress while it goes on, one line when it is done, every missing file when it is not. */
import { EXIT } from '../shared/exit-codes.ts'
import { formatDuration, formatSize } from '../shared/units.ts'
import type { CommandContext } from './context.ts'
import { errorOf } from './results.ts'
import type { Session } from './session.ts'
import { printable } from './sink.ts'

export interface SyncOptions {
  readonly id: string
  readonly snapshot: string | undefined
  readonly allowRollback: boolean
  readonly acceptShrink: boolean
}

/** @returns EXIT.done, or EXIT.partly where files are missing. @throws what stopped the sync altogether */
export async function syncRepository(context: CommandContext<unknown, unknown>, session: Session, options: SyncOptions): Promise<number> {
  const { id, snapshot } = options
  const progress = await context.progress({ what: id, unit: 'files' })
  const started = context.clock.monotonic()
  let before = 0
  // The coordinator goes on without us: what was begun under an intent ends with an outcome.
  const detached = (): void =>
    progress.log(`${id}: the sync goes on in the coordinator; muster repo show --repo-id ${id} tells how it ends`)
  context.signal.addEventListener('abort', detached, { once: true })
  try {
    const { allowRollback, acceptShrink } = options
    const order = {
      allowRollback,
      acceptShrink,
      createSnapshot: snapshot !== undefined,
      ...(snapshot === undefined ? {} : { snapshotName: snapshot }),
    }
    const response = await session.operate(
      { verb: 'repo.sync', targets: [id], arguments: order },
      {
        onProgress: (report) => {
          progress.total({ count: report.of ?? 0, bytes: report.total, phase: report.what })
          const files = report.files ?? 0
          for (; before < files; before++) progress.finish(`${before}`, before === files - 1 ? report.done : undefined)
        },
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
    const took = formatDuration(context.clock.monotonic() - started)
    if (detail['changed'] === false) await context.stdout.write(`${id}: nothing to do, upstream is unchanged (${took})\n`)
    else
      await context.stdout.write(
        `${id}: ${detail['fetched']} fetched (${formatSize(Number(detail['bytes']))}), ${detail['unchanged']} unchanged, ${detail['removed']} removed; published as revision ${detail['revision']} (${took})\n`,
      )
    if (snapshot !== undefined) await context.stdout.write(`snapshot ${snapshot} created\n`)
    for (const note of Array.isArray(detail['notes']) ? detail['notes'] : []) await context.note(`${id}: ${note}`)
    return EXIT.done
  } finally {
    context.signal.removeEventListener('abort', detached)
    progress.stop()
  }
}
