/**
 * Names of snapshots. They become folders and parts of addresses, so they are kept to what means
 * the same everywhere.
 */
import { snapshotError } from './errors.ts'

const PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** The name if it may be one. @throws `snapshot.name` (GC-08) */
export function snapshotName(text: string): string {
  const refuse = (reason: string): Error =>
    snapshotError('snapshot.name', { got: text.slice(0, 80), reason })
  if (text === 'latest') throw refuse('`latest` is the newest version of a repository')
  if (!PATTERN.test(text)) throw refuse('it has other characters than it may have, or too many')
  if (text.endsWith('.')) throw refuse('it ends in a dot')
  return text
}
