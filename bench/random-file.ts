/** Writes files of random bytes for benchmarks. They can't be compressed or deduplicated. */
import { open } from 'node:fs/promises'
import { systemRandom } from '../shared/random.ts'
import { MIB } from '../shared/units.ts'

/**
 * Writes `bytes` random bytes to `path` and returns it. Afterwards the file is on the disk and in
 * the page cache.
 */
export async function randomFile(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'wx', 0o600)
  try {
    for (let written = 0; written < bytes; written += MIB) {
      await file.writev([systemRandom.bytes(Math.min(MIB, bytes - written))])
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return path
}
