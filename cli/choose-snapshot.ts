/** The snapshot that a person means: names are unique within a repository, so a repository is needed only where two have the same one. */
import type { SnapshotRow } from '../protocols/control/messages.ts'
import { defineErrors } from '../shared/errors.ts'
import type { Session } from './session.ts'

export const chooseSnapshotError = defineErrors({
  'snapshot.no-such': {
    exit: 'notFound',
    message: (d: { name: string }) => `there is no snapshot ${JSON.stringify(d.name)}`,
    hint: () => 'muster snapshot list',
  },
  'snapshot.in-several': {
    exit: 'conflict',
    message: (d: { name: string; repositories: readonly string[] }) => `snapshot ${d.name} exists in ${d.repositories.join(', ')}`,
    hint: () => 'choose one with --repo-id',
  },
})

export async function chooseSnapshot(session: Session, flags: { name: string; repoId: string | undefined }): Promise<SnapshotRow> {
  const { snapshots } = await session.ask('snapshot.list', flags.repoId === undefined ? {} : { repository: flags.repoId })
  const matching = snapshots.filter((snapshot) => snapshot.name === flags.name)
  const [only] = matching
  if (only === undefined) throw chooseSnapshotError('snapshot.no-such', { name: flags.name })
  if (matching.length > 1) throw chooseSnapshotError('snapshot.in-several', { name: flags.name, repositories: matching.map((snapshot) => snapshot.repository) })
  return only
}
