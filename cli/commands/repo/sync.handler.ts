/** Mirrors repositories and publishes them. */
import { snapshotName as checkName } from '../../../coordinator/repositories/snapshots/name.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import { MusterError } from '../../../shared/errors.ts'
import { EXIT } from '../../../shared/exit-codes.ts'
import { formatSize } from '../../../shared/units.ts'
import { withSession } from '../../session/connect.ts'
import { cliError } from '../../terminal/errors.ts'
import { type SyncRow, syncLine, syncRepository } from '../../nouns/sync.ts'
import type { Session } from '../../session/session.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './sync.ts'

export async function handle(context: CommandContext<Flags>): Promise<number> {
  const { repoId, all, dryRun, allowRollback, acceptShrink } = context.flags
  if ((repoId === undefined) === !all)
    throw cliError('cli.usage', {
      reason: 'expected either --repo-id or --all',
      hint: 'see `muster repo sync --help`',
    })
  const snapshot = snapshotName(context)
  return withSession(context, async (session) => {
    const ids = repoId === undefined ? await enabled(session) : [repoId]
    if (ids.length === 0) await context.note('no repository is enabled')
    const print = (rows: readonly SyncRow[]): Promise<void> =>
      context.printList({ rows, name: (row) => row.repository, line: syncLine, columns: [] })
    // The text output has a line after each sync. The JSON output is one list at the end.
    const rows: SyncRow[] = []
    const atOnce = ['table', 'wide'].includes(context.globals.output)
    const done = async (row: SyncRow): Promise<void> =>
      void (atOnce ? await print([row]) : rows.push(row))
    const each = (id: string): Promise<number> =>
      dryRun
        ? plan(context, session, id)
        : syncRepository(context, session, { id, snapshot, allowRollback, acceptShrink }, done)
    const codes: number[] = []
    for (const id of ids)
      codes.push(await (ids.length === 1 ? each(id) : reported(context, () => each(id))))
    if (!atOnce && !dryRun) await print(rows)
    return exitOf(codes)
  })
}

/** Prints the error of one repository and returns its exit code, so that the others are synced. */
async function reported(
  context: CommandContext<Flags>,
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work()
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof MusterError)) throw error
    return context.report(error)
  }
}

/** Returns the exit code if all are equal, otherwise `partly`. */
function exitOf(codes: readonly number[]): number {
  const [first = EXIT.done] = codes
  return codes.every((code) => code === first) ? first : EXIT.partly
}

async function enabled(session: Session): Promise<string[]> {
  const { repositories } = await session.ask('repo.list', {})
  return repositories.filter((repository) => repository.enabled).map((repository) => repository.id)
}

async function plan(context: CommandContext<Flags>, session: Session, id: string): Promise<number> {
  const { fetch, bytes, remove, unchanged } = await session.ask('repo.plan', { repository: id })
  await context.printOne({
    value: { repository: id, fetch, bytes, remove, unchanged },
    fields: [],
    line:
      `${id}: would fetch ${fetch} files (${formatSize(bytes)}), ` +
      `would remove ${remove}, ${unchanged} unchanged`,
    name: id,
  })
  return EXIT.done
}

function snapshotName(context: CommandContext<Flags>): string | undefined {
  const { createSnapshot, snapshotName: named } = context.flags
  if (named !== undefined && !createSnapshot)
    throw cliError('cli.usage', {
      reason: '--snapshot-name requires --create-snapshot',
      hint: 'see `muster repo sync --help`',
    })
  if (!createSnapshot) return undefined
  if (named !== undefined) return checkName(named)
  return rfc3339(context.clock.now()).slice(0, 19).replaceAll(':', '').replace('T', '-')
}
