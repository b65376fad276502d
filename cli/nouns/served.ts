/** Describes the version that `latest` serves. */
import type { RepositoryRow, StatusResponse } from '../../protocols/control/messages.ts'

type Served = RepositoryRow['served']

/**
 * Returns the text of a column: `newest (version 5)`, `snapshot d1 (version 3)`. Undefined if no
 * version is served.
 */
export function servedShort(served: Served): string | undefined {
  if (served === null || served === undefined) return undefined
  const { version, snapshot, newest } = served
  const what = snapshot === null ? (newest ? 'newest' : 'older') : `snapshot ${snapshot}`
  return `${what} (version ${version})`
}

/** Returns the text for one repository: the version, the reason, and the time. */
export function servedLong({ served, version }: RepositoryRow): string | undefined {
  if (served === null || served === undefined) return undefined
  const since = served.since === null ? '' : `, since ${served.since}`
  const follows =
    served.snapshot === null ? 'follows the newest' : `pinned to snapshot ${served.snapshot}`
  const behind =
    served.newest || version === null || version === undefined
      ? ''
      : `\nthe newest is version ${version}`
  return `version ${served.version}, ${follows}${since}${behind}`
}

/** Returns the notice that `latest` stays at the snapshot that an operator selected. */
export function pinnedNotice(repository: string, snapshot: string, version: number): string {
  return (
    `${repository}: latest stays at snapshot ${snapshot} (version ${version}); ` +
    `run \`muster repo publish --repo-id ${repository}\` to serve the newest`
  )
}

/** Returns the number of repositories whose `latest` stays at a snapshot, and a notice for each. */
export function pinnedStatus(repositories: StatusResponse['repositories']): {
  count: string
  notices: string[]
} {
  const notices = repositories.flatMap(({ id, served }) =>
    served === null || served === undefined || served.snapshot === null
      ? []
      : [pinnedNotice(id, served.snapshot, served.version)],
  )
  return { count: notices.length === 0 ? '' : `, ${notices.length} pinned to a snapshot`, notices }
}
