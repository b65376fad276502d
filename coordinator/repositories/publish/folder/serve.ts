/**
 * Serves published trees: `/repos/<id>/latest/…` and `/repos/<id>/snapshots/<name>/…`. It reads the
 * folders, so it works without the database. Each request follows the link once, and then reads
 * only files in the tree of that generation.
 */
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveInFolder } from '../../../../node/http/folder.ts'
import type { FolderEntry, Served, ServedFile } from '../../../../node/http/served.ts'
import type { Formats } from '../../formats/format.ts'
import { isSnapshotName, type RepositoryPath } from '../../../../shared/repository-paths.ts'
import { generationOfLink, layoutOf, treeOf } from './layout.ts'

/** The part of a repository's configuration that serving needs. */
export interface PublishedRepository {
  readonly name: string
  readonly type: string
  readonly publish: { readonly latest_path: string; readonly snapshots_path: string }
}

/** Finds the file or folder at a path of a published repository. */
export async function resolveTree(
  formats: Formats,
  repositories: readonly PublishedRepository[],
  place: RepositoryPath,
): Promise<Served | undefined> {
  if (place.at === 'repositories')
    return folder(async () => repositories.map(({ name }) => ({ name, kind: 'folder' })))
  const repository = repositories.find(({ name }) => name === place.repository)
  if (repository === undefined) return undefined
  const { latest_path: latest, snapshots_path: snapshots } = repository.publish
  if (place.at === 'repository')
    return folder(async () => ['latest', 'snapshots'].map((name) => ({ name, kind: 'folder' })))
  if (place.at === 'snapshots') return folder(() => publishedSnapshots(snapshots))
  const { snapshot, path } = place
  const { immutable } = formats.of(repository.name, repository.type)
  if (snapshot === undefined) return inTree(immutable, latest, path)
  return inTree(immutable, join(snapshots, snapshot), path)
}

async function inTree(
  immutable: (path: string) => boolean,
  link: string,
  segments: readonly string[],
): Promise<Served | undefined> {
  const layout = layoutOf(link)
  const text = await readlink(link).catch(() => undefined)
  const generation = text === undefined ? undefined : generationOfLink(layout, text)
  if (generation === undefined) return undefined
  const isImmutable = (path: readonly string[]): boolean => immutable(path.join('/'))
  const cacheControl = (path: readonly string[]): string | undefined =>
    isImmutable(path) ? 'public, max-age=604800, immutable' : undefined
  const found = await resolveInFolder(treeOf(layout, generation), segments, { cacheControl })
  return found?.kind === 'file' && !isImmutable(segments) ? undated(found) : found
}

/**
 * Removes the time. After a rollback, a path has older content with an earlier time. With
 * `If-Modified-Since`, caches would keep the newer content. So files that may change are sent
 * without a time.
 */
function undated({ modifiedAt: _, ...file }: ServedFile): ServedFile {
  return file
}

async function publishedSnapshots(path: string): Promise<FolderEntry[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isSymbolicLink() && isSnapshotName(entry.name))
    .map(({ name }) => ({ name, kind: 'folder' }))
}

function folder(entries: () => Promise<FolderEntry[]>): Served {
  return { kind: 'folder', entries }
}
