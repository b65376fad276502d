/**
 * What a generation was laid out with, in a file beside its tree: metadata of earlier versions that
 * was carried on, and what the file system says of each file that the tree does not share with the
 * pool. Without it, or with a damaged one, a tree is not trusted.
 */
import { createHash } from 'node:crypto'
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurable } from '../../../../shared/durable-file.ts'
import { blobId } from '../../../../shared/ids.ts'
import type { Random } from '../../../../shared/random.ts'
import { MIB } from '../../../../shared/units.ts'
import type { ManifestFile } from '../../content/manifest.ts'
import { type Layout, RECORD } from './layout.ts'

export interface TreeRecord {
  /** Metadata of earlier versions that lies beside the version's own files. */
  readonly carried: readonly ManifestFile[]
  /**
   * By path: what the file system said of a file that is not a hard link to the pool's, when it was
   * found right.
   */
  readonly marks: ReadonlyMap<string, string>
}

/** A line is some 200 bytes, so this is a tree of a million files; a larger record is not ours. */
const MAX_BYTES = 256 * MIB
const FIRST = 'muster content 1'

/** Writes the record of a generation's folder, durably. */
export async function writeRecord(
  deps: { random: Random },
  folder: string,
  { carried, marks }: TreeRecord,
): Promise<void> {
  const lines = [FIRST]
  for (const { path, blob, size } of carried) lines.push(`carried ${blob} ${size} ${path}`)
  for (const [path, mark] of marks) lines.push(`own ${mark} ${path}`)
  const text = `${lines.join('\n')}\n`
  await writeDurable(deps, join(folder, RECORD), `${text}${digestOf(text)}\n`, { mode: 0o644 })
}

/** The record of a generation; undefined if there is none that is whole. */
export async function readRecord(layout: Layout, name: string): Promise<TreeRecord | undefined> {
  const path = join(layout.generations, name, RECORD)
  const stats = await lstat(path).catch(() => undefined)
  if (stats?.isFile() !== true || stats.size > MAX_BYTES) return undefined
  const text = await readFile(path, 'utf8')
  const end = text.lastIndexOf('\n', text.length - 2) + 1
  const body = text.slice(0, end)
  if (text.slice(end) !== `${digestOf(body)}\n`) return undefined
  const lines = body.split('\n')
  if (lines[0] !== FIRST) return undefined
  const carried: ManifestFile[] = []
  const marks = new Map<string, string>()
  for (const line of lines.slice(1, -1)) {
    const own = /^own ([\d.]+) (.+)$/.exec(line)
    const kept = /^carried ([0-9a-f]{64}) (\d{1,16}) (.+)$/.exec(line)
    if (own !== null) marks.set(own[2] as string, own[1] as string)
    else if (kept !== null)
      carried.push({
        path: kept[3] as string,
        blob: blobId.parse(kept[1] as string),
        size: Number(kept[2]),
        kind: 'metadata',
      })
    else return undefined
  }
  return { carried, marks }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
