/**
 * Compares a published tree with the files of its version. The tree must contain exactly these
 * regular files, read-only, with their sizes and bytes. A file isn't hashed again if it is a hard
 * link to a verified file of the pool, or unchanged since its last check.
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

/** Checks that run at the same time. They wait for the file system, not for a processor. */
const AT_ONCE = 16
/**
 * The number of files that are checked synchronously before other work may run. A sync checks every
 * file of every snapshot, and an asynchronous call takes seven times as long. The number is small,
 * because a slow disk must not block the coordinator.
 */
const WITHOUT_PAUSE = 8
/** The limit of listed problems. A single problem already causes a rebuild of the tree. */
const MAX_PROBLEMS = 100

export interface CheckedTree {
  /** Empty if the tree is right. */
  readonly problems: readonly TreeProblem[]
  /** The attributes of files that are not links to the pool's, by path. */
  readonly marks: ReadonlyMap<string, string>
}

export interface TreeCheck {
  /** The folder of the tree's files. */
  readonly tree: string
  readonly files: readonly ManifestFile[]
  /** Marks of an earlier check. A file that still has its mark isn't hashed again. */
  readonly known: ReadonlyMap<string, string>
}

/** Returns every folder below the tree, outer ones first. */
export function foldersOf(files: readonly ManifestFile[]): string[] {
  const folders = new Set<string>()
  for (const { path } of files)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(folder)
  return [...folders].sort()
}

/** @throws errors of the file system. An absent file is a problem and no error. */
export async function checkTree(
  deps: { pool: Pool },
  check: TreeCheck,
  signal: AbortSignal,
): Promise<CheckedTree> {
  const { tree, files } = check
  const folders = foldersOf(files)
  const problems = new Problems()
  await checkFolders(tree, folders, problems)
  // Files below a folder that is absent, or a link, aren't checked.
  if (problems.found.length > 0) return { problems: problems.found, marks: new Map() }
  const doubtful = await checkAttributes(deps.pool, check, problems, signal)
  const marks = await checkBytes(deps.pool, check, doubtful, { problems, signal })
  if (problems.found.length === 0) await checkEntries(tree, folders, files.length, problems)
  return { problems: problems.found, marks }
}

class Problems {
  readonly found: TreeProblem[] = []

  report(path: string, reason: string): void {
    if (this.found.length < MAX_PROBLEMS) this.found.push({ path, reason })
  }
}

interface StatedFile {
  readonly file: ManifestFile
  readonly stats: BigIntStats
}

async function checkFolders(
  tree: string,
  folders: readonly string[],
  problems: Problems,
): Promise<void> {
  await concurrently(['', ...folders], AT_ONCE, async (folder) => {
    const reason = wrongFolder(await exactStat(join(tree, folder)))
    if (reason !== undefined) problems.report(folder, reason)
  })
}

/** Checks kind, size and mode of each file. Returns the files that may not be the pool's. */
async function checkAttributes(
  pool: Pool,
  { tree, files }: TreeCheck,
  problems: Problems,
  signal: AbortSignal,
): Promise<StatedFile[]> {
  const doubtful: StatedFile[] = []
  for (let at = 0; at < files.length; at += WITHOUT_PAUSE) {
    await setImmediate(undefined, { signal })
    for (const file of files.slice(at, at + WITHOUT_PAUSE)) {
      const stats = statNow(join(tree, file.path))
      const reason = wrongFile(stats, file.size)
      if (reason !== undefined || stats === undefined) problems.report(file.path, reason ?? '')
      else if (!pool.holds(file.blob, stats)) doubtful.push({ file, stats })
    }
  }
  return doubtful
}

/** Hashes files with unknown attributes. Returns the marks of files that aren't the pool's. */
async function checkBytes(
  pool: Pool,
  { tree, known }: TreeCheck,
  files: readonly StatedFile[],
  { problems, signal }: { problems: Problems; signal: AbortSignal },
): Promise<Map<string, string>> {
  const marks = new Map<string, string>()
  await concurrently(files, AT_ONCE, async ({ file, stats }) => {
    signal.throwIfAborted()
    const path = join(tree, file.path)
    const mark = markOf(stats)
    if (known.get(file.path) === mark) marks.set(file.path, mark)
    else if (await isPools(pool, path, file, stats, signal)) return
    else if ((await digestOf(path, signal)) === file.blob) marks.set(file.path, mark)
    else problems.report(file.path, 'its bytes are not those of its blob')
  })
  return marks
}

/** Finds additional files by their number. Absent files were reported before. */
async function checkEntries(
  tree: string,
  folders: readonly string[],
  files: number,
  problems: Problems,
): Promise<void> {
  let found = 0
  for (const folder of ['', ...folders]) found += (await readdir(join(tree, folder))).length
  const expected = files + folders.length
  if (found !== expected) problems.report('', `it holds ${found} entries instead of ${expected}`)
}

/**
 * True if the file is a link to the pool's file. Verifies that file, so that the next check doesn't
 * hash it. Another program, such as a backup, may have changed the number of links.
 */
async function isPools(
  pool: Pool,
  path: string,
  { blob }: ManifestFile,
  { nlink }: BigIntStats,
  signal: AbortSignal,
): Promise<boolean> {
  if (nlink < 2n || (await pool.verify(blob, signal)) !== 'sound') return false
  const now = statNow(path)
  return now !== undefined && pool.holds(blob, now)
}

function statNow(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

function wrongFolder(stats: BigIntStats | undefined): string | undefined {
  if (stats === undefined) return 'it is gone'
  if (!stats.isDirectory()) return 'it is not a folder'
  const mode = Number(stats.mode) & 0o7777
  return mode === 0o755 ? undefined : `its mode is ${mode.toString(8)}`
}

function wrongFile(stats: BigIntStats | undefined, size: number): string | undefined {
  if (stats === undefined) return 'it is gone'
  if (!stats.isFile()) return 'it is not a regular file'
  if (stats.size !== BigInt(size)) return `it has ${stats.size} bytes instead of ${size}`
  const mode = Number(stats.mode) & 0o7777
  return mode === 0o444 ? undefined : `its mode is ${mode.toString(8)}`
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createBlake3()
  const parts: AsyncIterable<Uint8Array> = createReadStream(path, { signal })
  for await (const part of parts) hash.update(part)
  return hash.digest()
}
