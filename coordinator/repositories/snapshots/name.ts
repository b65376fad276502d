/** Names of snapshots. They are used as folders and in URLs. */
import { isSnapshotName } from '../../../shared/repository-paths.ts'
import { snapshotError } from './errors.ts'

/** Returns a valid name. @throws snapshot.name (GC-08) */
export function snapshotName(text: string): string {
  const refuse = (reason: string): Error =>
    snapshotError('snapshot.name', { got: text.slice(0, 80), reason })
  if (text === 'latest') throw refuse('`latest` is the newest version of a repository')
  if (isSnapshotName(text)) return text
  throw refuse(
    text.endsWith('.')
      ? 'it ends in a dot'
      : 'it has other characters than it may have, or too many',
  )
}
