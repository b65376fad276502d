/** Lists the snapshots. */
import { snapshotColumns } from '../../nouns/snapshot-columns.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './list.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { repoId } = context.flags
  const { snapshots } = await withSession(context, (session) =>
    session.ask('snapshot.list', repoId === undefined ? {} : { repository: repoId }),
  )
  await context.printList({
    rows: snapshots,
    name: (snapshot) => snapshot.name,
    columns: snapshotColumns,
  })
}
