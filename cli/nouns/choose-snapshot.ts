/**
 * Finds a snapshot by its name. Names are unique within a repository, so the repository is required
 * only if two repositories use the same name.
 */
import { snapshotError } from '../../coordinator/repositories/snapshots/errors.ts'
import type { SnapshotRow } from '../../protocols/control/messages.ts'
import type { Session } from '../session/session.ts'

/** @throws snapshot.unknown, snapshot.ambiguous */
export async function chooseSnapshot(
  session: Session,
  flags: { name: string; repoId: string | undefined },
): Promise<SnapshotRow> {
  const { snapshots } = await session.ask(
    'snapshot.list',
    flags.repoId === undefined ? {} : { repository: flags.repoId },
  )
  const matching = snapshots.filter((snapshot) => snapshot.name === flags.name)
  const [only] = matching
  if (only === undefined)
    throw snapshotError('snapshot.unknown', {
      name: flags.name.slice(0, 80),
      repository: flags.repoId ?? '',
    })
  if (matching.length > 1)
    throw snapshotError('snapshot.ambiguous', {
      name: flags.name,
      repositories: matching.map((snapshot) => snapshot.repository),
    })
  return only
}
