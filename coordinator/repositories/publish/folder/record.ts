/**
 * The record of a generation: a file beside its tree. It lists metadata of earlier versions, and
 * the attributes of each file that isn't a link to the pool's. A tree without a valid record is
 * built again.
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
  /** Metadata of earlier versions, in the same tree as the files of the version. */
  readonly carried: readonly ManifestFile[]
  /** By path: the attributes, at its last check, of each file that isn't a link to the pool's. */
  readonly marks: ReadonlyMap<string, string>
}

/** A line has about 200 bytes, so this is enough for a tree of a million files. */
const MAX_BYTES = 256 * MIB
const FIRST = 'muster content 1'

/** Writes the record of a generation durably. */
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

/** Reads the record of a generation. Undefined if it is missing or damaged. */
export async function readRecord(layout: Layout, name: string): Promise<TreeRecord | undefined> {
  const file = join(layout.generations, name, RECORD)
  const stats = await lstat(file).catch(() => undefined)
  if (stats?.isFile() !== true || stats.size > MAX_BYTES) return undefined
  const text = await readFile(file, 'utf8')
  const end = text.lastIndexOf('\n', text.length - 2) + 1
  const body = text.slice(0, end)
  if (text.slice(end) !== `${digestOf(body)}\n`) return undefined
  const lines = body.split('\n')
  if (lines[0] !== FIRST) return undefined
  const carried: ManifestFile[] = []
  const marks = new Map<string, string>()
  for (const line of lines.slice(1, -1)) {
    const [, mark, markedPath = ''] = /^own ([\d.]+) (.+)$/.exec(line) ?? []
    const [, blob, size, path = ''] = /^carried ([0-9a-f]{64}) (\d{1,16}) (.+)$/.exec(line) ?? []
    if (mark !== undefined) marks.set(markedPath, mark)
    else if (blobId.is(blob)) carried.push({ path, blob, size: Number(size), kind: 'metadata' })
    else return undefined
  }
  return { carried, marks }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
