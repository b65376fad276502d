/**
 * Lays out a generation: every file of a version as a regular, read-only file at its path. Built
 * under a temporary name and checked before it gets its own. A folder that has a generation's name
 * already is used only if it is found whole.
 */
import { chmod, mkdir, rename, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { exactStat, markOf } from '../../../../shared/blobs/verified.ts'
import { canonicalJson } from '../../../../shared/canonical-json.ts'
import type { Clock } from '../../../../shared/clock.ts'
import { makeDurableFolder, syncFolder, writeDurable } from '../../../../shared/durable-file.ts'
import type { Random } from '../../../../shared/random.ts'
import type { ManifestFile } from '../../content/manifest.ts'
import { concurrently } from '../../../../shared/concurrency/concurrently.ts'
import { checkTree, foldersOf } from './check-tree.ts'
import type { Generation } from '../destination.ts'
import { diskError, publishError } from '../errors.ts'
import { generationName, type Layout, temporaryName } from './layout.ts'
import { createPlacer, type Method } from './place.ts'
import { readRecord, writeRecord } from './record.ts'

/** Links at once: each waits for the file system, none for a processor. */
const AT_ONCE = 16
/**
 * How often a folder under construction shows that its builder lives; {@link isLeftover} can't see
 * one on another machine.
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
  const tree = join(temporary, 'tree')
  const files = [...generation.files, ...generation.carried]
  const offAlive = deps.clock.every(ALIVE_MS, () => {
    const now = deps.clock.now() / 1000
    // Gone once it has its name: then nothing has to be shown any more.
    utimes(temporary, now, now).catch(() => undefined)
  })
  try {
    await makeDurableFolder(layout.generations, 0o755)
    const folders = foldersOf(files)
    await makeFolders(temporary, tree, folders)
    const { placed, known } = await placeFiles(deps, tree, files, signal)
    const { problems, marks } = await checkTree(deps, { tree, files, known }, signal)
    for (const { path, reason } of problems)
      throw publishError('publish.unsound', { path: join(tree, path), reason })
    await writeRecord(deps, temporary, { carried: generation.carried, marks })
    await writeDurable(
      deps,
      join(temporary, 'MANIFEST'),
      `${canonicalJson(generation.manifest)}\n`,
      { mode: 0o644 },
    )
    // Innermost first: a folder is durable before the one that names it.
    for (const folder of [...folders].reverse()) await syncFolder(join(tree, folder))
    for (const folder of [tree, temporary]) await syncFolder(folder)
    // Crash until here: a folder named building-…, which nothing points to and the next publication
    // removes.
    await finishAs(deps, layout, { temporary, name, files: generation.files }, signal)
    await syncFolder(layout.generations)
    // Crash here: a whole generation that no row and no link names; the same publication tried
    // again uses it, or cleaning up removes it.
    return { name, placed }
  } catch (error) {
    await deps.pool.removeFolder(temporary).catch(() => {})
    throw diskError('building', temporary, error)
  } finally {
    offAlive()
  }
}

/**
 * Puts every file at its place. `known`: what the file system says of files that share their bytes
 * with verified ones.
 */
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
    // The clone is of one moment: the pool's file was right then if it still is. Metadata is small
    // and hashed as clients read it.
    if (file.kind !== 'package' || (await pool.verify(file.blob, signal)) !== 'sound') return
    const stats = await exactStat(to)
    if (stats !== undefined) known.set(file.path, markOf(stats))
  })
  return { placed: placer.counts, known }
}

/**
 * Gives a whole generation its name. A folder that has it already stays if it is whole: it has the
 * same root. One that is not, such as what an interrupted removal left, makes way.
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
      const { code } = error as NodeJS.ErrnoException
      if (cleared || (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR')) throw error
    }
    if (await isWhole(deps, layout, made, signal)) {
      await deps.pool.removeFolder(made.temporary)
      return
    }
    const aside = join(layout.generations, temporaryName(deps.random, 'removing'))
    await rename(path, aside)
    // Crash here: the name is free, and the next clean-up removes what stood there.
    await deps.pool.removeFolder(aside)
  }
}

/**
 * Whether a generation's folder holds these files of its version, and nothing but metadata that was
 * carried on beside them.
 */
export async function isWhole(
  deps: { pool: Pool; random: Random },
  layout: Layout,
  { name, files }: { name: string; files: readonly ManifestFile[] },
  signal: AbortSignal,
): Promise<boolean> {
  return (await problemsOf(deps, layout, { name, files }, signal)).length === 0
}

/**
 * What is wrong with a generation; each with a path below its tree, '' for the whole. Empty if it
 * is whole.
 */
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
      return [{ path: '', reason: 'the record of what it holds is missing or damaged' }]
    const all = [...files, ...record.carried]
    const tree = join(folder, 'tree')
    const check = { tree, files: all, known: record.marks }
    const { problems, marks } = await checkTree(deps, check, signal)
    // A file that was hashed because its attributes changed is not hashed again for the same
    // change.
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
    // Whatever the umask: a web server under another user must be able to read what is published.
    await chmod(folder, 0o755)
  }
}
