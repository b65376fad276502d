/**
 * Formats and parses the addresses of published repositories: `/repos/<id>/latest/…` and
 * `/repos/<id>/snapshots/<name>/…`. The web server, the gateway, the control protocol and the
 * command line use this module.
 */

/** The first segment of all addresses of repositories. */
export const REPOSITORIES = 'repos'

export type RepositoryPath =
  /** The list of repositories. */
  | { readonly at: 'repositories' }
  /** The list of `latest` and `snapshots` of one repository. */
  | { readonly at: 'repository'; readonly repository: string }
  | { readonly at: 'snapshots'; readonly repository: string }
  /** A place in a published tree. `path` is empty for the root. */
  | {
      readonly at: 'tree'
      readonly repository: string
      /** A snapshot's name. Undefined for `latest`. */
      readonly snapshot: string | undefined
      readonly path: readonly string[]
    }

/** The names of repositories that the configuration accepts. */
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** GC-08: names become folders and parts of addresses, so they mean the same on every system. */
const SNAPSHOT = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** Characters that could change the place, or hide it. */
const HOSTILE = /[/\\\p{Cc}]/u

/**
 * Parses decoded segments of a path. Returns undefined if they are not a valid address.
 * @param segments - percent-decoded, without empty ones; the first is `repos`
 */
export function parseRepositoryPath(segments: readonly string[]): RepositoryPath | undefined {
  const [top, repository, kind, ...rest] = segments
  if (top !== REPOSITORIES) return undefined
  if (repository === undefined) return { at: 'repositories' }
  if (!REPOSITORY.test(repository)) return undefined
  if (kind === undefined) return { at: 'repository', repository }
  if (kind === 'latest') return tree(repository, undefined, rest)
  if (kind !== 'snapshots') return undefined
  const [snapshot, ...path] = rest
  if (snapshot === undefined) return { at: 'snapshots', repository }
  return isSnapshotName(snapshot) ? tree(repository, snapshot, path) : undefined
}

/** Returns whether a snapshot can have this name. `latest` is reserved. */
export function isSnapshotName(text: string): boolean {
  return text !== 'latest' && !text.endsWith('.') && SNAPSHOT.test(text)
}

function tree(
  repository: string,
  snapshot: string | undefined,
  path: readonly string[],
): RepositoryPath | undefined {
  if (!path.every(isSegment)) return undefined
  return { at: 'tree', repository, snapshot, path }
}

function isSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !HOSTILE.test(text) && text.isWellFormed()
}

/** Returns the segments that {@link parseRepositoryPath} parses. */
export function repositorySegments(place: RepositoryPath): string[] {
  if (place.at === 'repositories') return [REPOSITORIES]
  if (place.at === 'repository') return [REPOSITORIES, place.repository]
  if (place.at === 'snapshots') return [REPOSITORIES, place.repository, 'snapshots']
  const { repository, snapshot, path } = place
  const target = snapshot === undefined ? ['latest'] : ['snapshots', snapshot]
  return [REPOSITORIES, repository, ...target, ...path]
}

/** Returns the percent-encoded path on a web server. Every place except a file ends in a slash. */
export function formatRepositoryPath(place: RepositoryPath): string {
  const path = `/${repositorySegments(place).map(encodeURIComponent).join('/')}`
  return place.at === 'tree' && place.path.length > 0 ? path : `${path}/`
}

/** Returns the address of `latest` or a snapshot. */
export function publishedPath(repository: string, snapshot?: string): string {
  return formatRepositoryPath({ at: 'tree', repository, snapshot, path: [] })
}
