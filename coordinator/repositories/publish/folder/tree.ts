/**
 * Builds a generation: every file of a version as a regular, read-only file at its path. The folder
 * gets its final name only after a check. If a folder with this name exists, it is used if it is
 * complete.
 */
import { chmod, mkdir, rename, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { exactStat, markOf } from '../../../../shared/blobs/verified.ts'
import { canonicalJson } from '../../../../shared/canonical-json.ts'
import type { Clock } from '../../../../shared/clock.ts'
import { makeDurableFolder, syncFolder, writeDurable } from '../../../../shared/durable-file.ts'
import { errno } from '../../../../shared/errno.ts'
import type { Random } from '../../../../shared/random.ts'
import type { ManifestFile } from '../../content/manifest.ts'
import { concurrently } from '../../../../shared/concurrency/concurrently.ts'
import { checkTree, foldersOf } from './check-tree.ts'
import type { Generation } from '../destination.ts'
import { diskError, publishError } from '../errors.ts'
import { generationName, type Layout, temporaryName } from './layout.ts'
import { createPlacer, type Method } from './place.ts'
import { readRecord, writeRecord } from './record.ts'

/** Files placed at the same time. They wait for the file system, not for a processor. */
const AT_ONCE = 16
/**
 * The interval at which a builder shows that it is running. {@link isLeftover} can't see a process
 * on another machine.
 */
const ALIVE_MS = 60_000

export interface TreeDeps {
  readonly pool: Pool
  readonly random: Random
  readonly clock: Clock
}

export interface BuiltTree {
  /** Name of the generation's folder. */
  readonly name: string
  readonly placed: Readonly<Record<Method, number>>
}

export async function buildTree(
  deps: TreeDeps,
  layout: Layout,
  generation: Generation,
  signal: AbortSignal,
): Promise<BuiltTree> {
  const name = generationName(generation.number, generation.root)
  const temporary = join(layout.generations, temporaryName(deps.random, 'building'))
  const stopAlive = keepAlive(deps, temporary)
  try {
    await makeDurableFolder(layout.generations, 0o755)
    const placed = await fillFolder(deps, temporary, generation, signal)
    // Crash until here: a folder building-… without a link. The next publication removes it.
    await finishAs(deps, layout, { temporary, name, files: generation.files }, signal)
    await syncFolder(layout.generations)
    // Crash here: a complete generation without row and link. If the same publication is repeated,
    // it uses this generation. Otherwise the next clean-up removes it.
    return { name, placed }
  } catch (error) {
    await deps.pool.removeFolder(temporary).catch(() => {})
    throw diskError('building', temporary, error)
  } finally {
    stopAlive()
  }
}

/** Shows other machines that the builder of this folder is running. */
function keepAlive({ clock }: TreeDeps, folder: string): () => void {
  return clock.every(ALIVE_MS, () => {
    const now = clock.now() / 1000
    // Fails after the folder got its final name. Then it is no longer needed.
    utimes(folder, now, now).catch(() => undefined)
  })
}

/** Writes a complete generation below `folder`, checks it and makes it durable. */
async function fillFolder(
  deps: TreeDeps,
  folder: string,
  { files: own, carried, manifest }: Generation,
  signal: AbortSignal,
): Promise<BuiltTree['placed']> {
  const tree = join(folder, 'tree')
  const files = [...own, ...carried]
  const folders = foldersOf(files)
  await makeFolders(folder, tree, folders)
  const { placed, known } = await placeFiles(deps, tree, files, signal)
  const { problems, marks } = await checkTree(deps, { tree, files, known }, signal)
  for (const { path, reason } of problems)
    throw publishError('publish.unsound', { path: join(tree, path), reason })
  await writeRecord(deps, folder, { carried, marks })
  await writeDurable(deps, join(folder, 'MANIFEST'), `${canonicalJson(manifest)}\n`, {
    mode: 0o644,
  })
  // Inner folders first, so that a folder is durable before the folder that contains it.
  for (const each of [...folders].reverse()) await syncFolder(join(tree, each))
  for (const each of [tree, folder]) await syncFolder(each)
  return placed
}

/** Places every file. `known` in the result: the marks of clones of verified files, by path. */
async function placeFiles(
  { pool }: TreeDeps,
  tree: string,
  files: readonly ManifestFile[],
  signal: AbortSignal,
): Promise<{ placed: Readonly<Record<Method, number>>; known: ReadonlyMap<string, string> }> {
  const placer = createPlacer(pool)
  const known = new Map<string, string>()
  await concurrently(files, AT_ONCE, async (file) => {
    signal.throwIfAborted()
    const to = join(tree, file.path)
    if ((await placer.place(file.blob, to)) !== 'reflink') return
    // If the pool's file is sound after the clone was made, the clone is sound too. Metadata is
    // small and always hashed.
    if (file.kind !== 'package' || (await pool.verify(file.blob, signal)) !== 'sound') return
    const stats = await exactStat(to)
    if (stats !== undefined) known.set(file.path, markOf(stats))
  })
  return { placed: placer.counts, known }
}

/** Errors of a rename to an existing folder. */
const OCCUPIED = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR'])

/**
 * Gives a complete generation its name. A complete folder with this name stays, because its root is
 * the same. An incomplete one, for example after an interrupted removal, is removed.
 */
async function finishAs(
  deps: TreeDeps,
  layout: Layout,
  made: { temporary: string; name: string; files: readonly ManifestFile[] },
  signal: AbortSignal,
): Promise<void> {
  const path = join(layout.generations, made.name)
  for (let cleared = false; ; cleared = true) {
    try {
      return await rename(made.temporary, path)
    } catch (error) {
      if (cleared || !OCCUPIED.has(errno(error) ?? '')) throw error
    }
    if (await isWhole(deps, layout, made, signal)) {
      await deps.pool.removeFolder(made.temporary)
      return
    }
    const aside = join(layout.generations, temporaryName(deps.random, 'removing'))
    await rename(path, aside)
    // Crash here: the name is free, and the next clean-up removes the old folder.
    await deps.pool.removeFolder(aside)
  }
}

/** True if a generation has the files of its version, and otherwise only carried metadata. */
export async function isWhole(
  deps: { pool: Pool; random: Random },
  layout: Layout,
  { name, files }: { name: string; files: readonly ManifestFile[] },
  signal: AbortSignal,
): Promise<boolean> {
  return (await problemsOf(deps, layout, { name, files }, signal)).length === 0
}

/** Returns the problems of a generation; '' is the path of the tree. Empty if complete. */
export async function problemsOf(
  deps: { pool: Pool; random: Random },
  layout: Layout,
  { name, files }: { name: string; files: readonly ManifestFile[] },
  signal: AbortSignal,
): Promise<readonly { path: string; reason: string }[]> {
  const folder = join(layout.generations, name)
  try {
    const record = await readRecord(layout, name)
    if ((await exactStat(join(folder, 'MANIFEST')))?.isFile() !== true || record === undefined)
      return [{ path: '', reason: 'the record of its content is missing or damaged' }]
    const all = [...files, ...record.carried]
    const tree = join(folder, 'tree')
    const check = { tree, files: all, known: record.marks }
    const { problems, marks } = await checkTree(deps, check, signal)
    // Store the new attributes of the files, so that they aren't hashed again.
    if (problems.length === 0 && !areEqual(marks, record.marks))
      await writeRecord(deps, folder, { carried: record.carried, marks })
    return problems
  } catch (error) {
    throw diskError('reading', folder, error)
  }
}

function areEqual(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([path, mark]) => b.get(path) === mark)
}

async function makeFolders(
  temporary: string,
  tree: string,
  folders: readonly string[],
): Promise<void> {
  for (const folder of [temporary, tree, ...folders.map((each) => join(tree, each))]) {
    await mkdir(folder, { mode: 0o755 })
    // Set regardless of the umask, because a web server of another user reads the tree.
    await chmod(folder, 0o755)
  }
}
