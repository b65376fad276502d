/**
 * Lays out a generation: every file of a version as a regular, read-only file at its path. Built under a temporary name and checked
 * before it gets its own, so a folder with a generation's name is always whole and on the disk.
 */
import { createReadStream } from 'node:fs'
import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createBlake3 } from '../../shared/blake3/hash.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import { canonicalJson, type Json } from '../../shared/canonical-json.ts'
import { syncFolder, writeDurable } from '../../shared/durable-file.ts'
import type { Random } from '../../shared/random.ts'
import type { ManifestFile } from '../content/manifest.ts'
import { mapParallel } from '../mirror/parallel.ts'
import { diskError, publishError } from './errors.ts'
import { generationName, type Layout, temporaryName } from './layout.ts'
import { createPlacer, type Method } from './place.ts'

/** Links and stats at once: each waits for the file system, none for a processor. */
const AT_ONCE = 16

export interface TreeDeps {
  readonly pool: Pool
  readonly random: Random
}

export interface BuiltTree {
  /** Name of the generation's folder. */
  readonly name: string
  readonly placed: Readonly<Record<Method, number>>
}

/**
 * @param files - all paths have been checked; none is a folder of another
 * @param manifest - written beside the tree
 */
export async function buildTree(
  deps: TreeDeps,
  layout: Layout,
  generation: {
    number: number
    root: string
    files: readonly ManifestFile[]
    manifest: { readonly [key: string]: Json }
  },
  signal: AbortSignal,
): Promise<BuiltTree> {
  const name = generationName(generation.number, generation.root)
  const temporary = join(layout.generations, temporaryName(deps.random, 'building'))
  const tree = join(temporary, 'tree')
  try {
    await mkdir(layout.generations, { recursive: true, mode: 0o755 })
    const folders = foldersOf(generation.files)
    await makeFolders(temporary, tree, folders)
    const placer = createPlacer()
    await mapParallel(generation.files, AT_ONCE, async (file) => {
      signal.throwIfAborted()
      if ((await deps.pool.stat(file.blob))?.size !== file.size)
        throw publishError('publish.missing-blob', { path: file.path, blob: file.blob })
      await placer.place(deps.pool.path(file.blob), join(tree, file.path))
    })
    await verifyTree(tree, generation.files, folders, signal)
    await writeDurable(
      deps,
      join(temporary, 'MANIFEST'),
      `${canonicalJson(generation.manifest)}\n`,
      { mode: 0o644 },
    )
    // Innermost first: a folder is durable before the one that names it.
    for (const folder of [...folders].reverse()) await syncFolder(join(tree, folder))
    for (const folder of [tree, temporary]) await syncFolder(folder)
    // Crash until here: a folder named building-…, which nothing points to and the next publication removes.
    await finishAs(temporary, join(layout.generations, name))
    await syncFolder(layout.generations)
    // Crash here: a whole generation that no row and no link names; the same publication tried again uses it, or cleaning up removes it.
    return { name, placed: placer.counts }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw diskError('building', temporary, error)
  }
}

/** Gives a whole generation its name. One that has it already is as whole and has the same root: it stays. */
async function finishAs(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    await rm(temporary, { recursive: true })
  }
}

/** Every folder below the tree, outer ones first. */
function foldersOf(files: readonly ManifestFile[]): string[] {
  const folders = new Set<string>()
  for (const { path } of files)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder)
  return [...folders].sort()
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

/** PB-10: exactly the files asked for, regular, of their sizes, not writable; metadata is hashed again as clients will read it. */
async function verifyTree(
  tree: string,
  files: readonly ManifestFile[],
  folders: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const unsound = (path: string, reason: string): Error =>
    publishError('publish.unsound', { path: join(tree, path), reason })
  await mapParallel(files, AT_ONCE, async (file) => {
    signal.throwIfAborted()
    const stats = await lstat(join(tree, file.path))
    if (!stats.isFile()) throw unsound(file.path, 'it is no regular file')
    if (stats.size !== file.size)
      throw unsound(file.path, `it has ${stats.size} bytes instead of ${file.size}`)
    if ((stats.mode & 0o7022) !== 0)
      throw unsound(file.path, `its mode is ${(stats.mode & 0o7777).toString(8)}`)
    if (file.kind === 'package') return
    const hash = createBlake3()
    for await (const part of createReadStream(join(tree, file.path), { signal }))
      hash.update(part as Uint8Array)
    if (hash.digest() !== file.blob) throw unsound(file.path, 'its bytes are not those of its blob')
  })
  let found = 0
  for (const folder of ['', ...folders]) found += (await readdir(join(tree, folder))).length
  if (found !== files.length + folders.length)
    throw unsound('', `it holds ${found} entries instead of ${files.length + folders.length}`)
}
