/**
 * The addresses of published repositories: `/repos/<id>/latest/…` and
 * `/repos/<id>/snapshots/<name>/…`. The web server, the gateway, the control protocol and the
 * command line write and read them here.
 */

/** Below which segment all repositories stand. */
export const REPOSITORIES = 'repos'

export type RepositoryPath =
  /** The list of repositories. */
  | { readonly at: 'repositories' }
  /** `latest` and `snapshots` of one. */
  | { readonly at: 'repository'; readonly repository: string }
  | { readonly at: 'snapshots'; readonly repository: string }
  /** A place in a published tree; `path` is empty at its root. */
  | {
      readonly at: 'tree'
      readonly repository: string
      /** A snapshot's name; undefined: `latest`. */
      readonly snapshot: string | undefined
      readonly path: readonly string[]
    }

/** As the configuration accepts names of repositories. */
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** GC-08: names become folders and parts of addresses, so they mean the same on every system. */
const SNAPSHOT = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** What leads to another place, or hides where it leads. */
const HOSTILE = /[/\\\p{Cc}]/u

/**
 * What decoded segments of a path mean; undefined if they mean nothing.
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

/** Whether a snapshot can have this name. `latest` is the newest version. */
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

/** The segments that {@link parseRepositoryPath} reads. */
export function repositorySegments(place: RepositoryPath): string[] {
  if (place.at === 'repositories') return [REPOSITORIES]
  if (place.at === 'repository') return [REPOSITORIES, place.repository]
  if (place.at === 'snapshots') return [REPOSITORIES, place.repository, 'snapshots']
  const { repository, snapshot, path } = place
  const target = snapshot === undefined ? ['latest'] : ['snapshots', snapshot]
  return [REPOSITORIES, repository, ...target, ...path]
}

/**
 * The address below a web server's own, percent-encoded. Every place but a file ends in a slash.
 */
export function formatRepositoryPath(place: RepositoryPath): string {
  const path = `/${repositorySegments(place).map(encodeURIComponent).join('/')}`
  return place.at === 'tree' && place.path.length > 0 ? path : `${path}/`
}

/** The address of `latest`, or of a snapshot. */
export function publishedPath(repository: string, snapshot?: string): string {
  return formatRepositoryPath({ at: 'tree', repository, snapshot, path: [] })
}
