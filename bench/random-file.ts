/** Files of random bytes, for benchmarks: nothing on the way can compress or recognise them. */
import { open } from 'node:fs/promises'
import { systemRandom } from '../shared/random.ts'
import { MIB } from '../shared/units.ts'

/**
 * Writes `bytes` random bytes to `path` and returns it. The file is in the page cache afterwards,
 * and on the disk.
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
