/**
 * Compares a tree with what it must be: exactly the files asked for, regular, of their sizes, with
 * their bytes, read-only for all. A file that is a hard link to a verified file of the pool, or has
 * not changed since it was found right, is not hashed again.
 */
import type { BigIntStats } from 'node:fs'
import { createReadStream, lstatSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { createBlake3 } from '../../../../shared/blake3/hash.ts'
import type { Pool } from '../../../../shared/blobs/pool.ts'
import { exactStat, markOf } from '../../../../shared/blobs/verified.ts'
import type { ManifestFile } from '../../content/manifest.ts'
import type { TreeProblem } from '../destination.ts'
import { concurrently } from '../../../../shared/concurrency/concurrently.ts'

/** Looks at once: each waits for the file system, none for a processor. */
const AT_ONCE = 16
/**
 * Files looked at without a pause for other work. A sync looks at each file of each snapshot, and a
 * call that waits for a thread costs seven times the look; a slow disk must not hold the rest of
 * the coordinator up for longer than a few of them.
 */
const WITHOUT_PAUSE = 8
/** Problems that are named; one is enough to lay the tree out again, the rest helps a person. */
const MAX_PROBLEMS = 100

export interface CheckedTree {
  /** None: the tree is what it must be. */
  readonly problems: readonly TreeProblem[]
  /** By path: what the file system says of the files that are not the pool's own. */
  readonly marks: ReadonlyMap<string, string>
}

export interface TreeCheck {
  /** The folder that holds the tree's files. */
  readonly tree: string
  readonly files: readonly ManifestFile[]
  /**
   * What is known of files that are not the pool's own, by path: they are not hashed while it
   * holds.
   */
  readonly known: ReadonlyMap<string, string>
}

/** Every folder below the tree, outer ones first. */
export function foldersOf(files: readonly ManifestFile[]): string[] {
  const folders = new Set<string>()
  for (const { path } of files)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder)
  return [...folders].sort()
}

/** @throws what the file system says, other than that something is absent */
export async function checkTree(
  deps: { pool: Pool },
  { tree, files, known }: TreeCheck,
  signal: AbortSignal,
): Promise<CheckedTree> {
  const problems: TreeProblem[] = []
  const marks = new Map<string, string>()
  const folders = foldersOf(files)
  const report = (path: string, reason: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ path, reason })
  }
  await concurrently(['', ...folders], AT_ONCE, async (folder) => {
    const stats = await exactStat(join(tree, folder))
    const reason = wrongFolder(stats)
    if (reason !== undefined) report(folder, reason)
  })
  // What lies below a folder that is absent, or a link, is not looked at.
  if (problems.length > 0) return { problems, marks }
  const doubtful: { file: ManifestFile; stats: BigIntStats }[] = []
  for (let at = 0; at < files.length; at += WITHOUT_PAUSE) {
    await setImmediate(undefined, { signal })
    for (const file of files.slice(at, at + WITHOUT_PAUSE)) {
      const stats = lookAt(join(tree, file.path))
      const reason = wrongFile(stats, file.size)
      if (reason !== undefined || stats === undefined) report(file.path, reason ?? '')
      else if (!deps.pool.holds(file.blob, stats)) doubtful.push({ file, stats })
    }
  }
  await concurrently(doubtful, AT_ONCE, async ({ file, stats }) => {
    signal.throwIfAborted()
    const mark = markOf(stats)
    if (known.get(file.path) === mark) marks.set(file.path, mark)
    else if (await isPools(deps.pool, join(tree, file.path), file, stats, signal)) return
    else if ((await digestOf(join(tree, file.path), signal)) === file.blob)
      marks.set(file.path, mark)
    else report(file.path, 'its bytes are not those of its blob')
  })
  let found = 0
  for (const folder of ['', ...folders]) found += (await readdir(join(tree, folder))).length
  const expected = files.length + folders.length
  // A file that is absent is a problem already.
  if (problems.length === 0 && found !== expected)
    report('', `it holds ${found} entries instead of ${expected}`)
  return { problems, marks }
}

/**
 * Whether the file is a link to the pool's, which is hashed here and then known: the next check
 * need not hash it again. It may have got or lost a link through another program, such as a backup.
 */
async function isPools(
  pool: Pool,
  path: string,
  { blob }: ManifestFile,
  { nlink }: BigIntStats,
  signal: AbortSignal,
): Promise<boolean> {
  if (nlink < 2n || (await pool.verify(blob, signal)) !== 'sound') return false
  const now = lookAt(path)
  return now !== undefined && pool.holds(blob, now)
}

function lookAt(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

function wrongFolder(stats: BigIntStats | undefined): string | undefined {
  if (stats === undefined) return 'it is gone'
  if (!stats.isDirectory()) return 'it is no folder'
  const mode = Number(stats.mode) & 0o7777
  return mode === 0o755 ? undefined : `its mode is ${mode.toString(8)}`
}

function wrongFile(stats: BigIntStats | undefined, size: number): string | undefined {
  if (stats === undefined) return 'it is gone'
  if (!stats.isFile()) return 'it is no regular file'
  if (stats.size !== BigInt(size)) return `it has ${stats.size} bytes instead of ${size}`
  const mode = Number(stats.mode) & 0o7777
  return mode === 0o444 ? undefined : `its mode is ${mode.toString(8)}`
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createBlake3()
  for await (const part of createReadStream(path, { signal })) hash.update(part as Uint8Array)
  return hash.digest()
}
