/**
 * B4: computes the id and the hash tree (outboard) of a 1 GiB file. The rival is b3sum on one
 * thread, which computes only the id. It also measures the ingest into the pool, which adds
 * SHA-256, a copy and fsync.
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { treeOfFile } from '../shared/blobs/check.ts'
import { openPool } from '../shared/blobs/pool.ts'
import { systemClock } from '../shared/clock.ts'
import { systemRandom } from '../shared/random.ts'
import { GIB, MIB } from '../shared/units.ts'
import { inProcess, program } from './contender.ts'
import { randomFile } from './random-file.ts'
import type { Benchmark } from './harness.ts'

export async function hashAndOutboard(path: unknown): Promise<void> {
  const file = await open(path as string)
  try {
    await treeOfFile(file)
  } finally {
    await file.close()
  }
}

export async function intoPool(path: unknown): Promise<void> {
  const folder = await mkdtemp(join(dirname(path as string), 'pool-'))
  try {
    const pool = await openPool({ random: systemRandom, clock: systemClock }, { folder })
    await pool.ingestFile(path as string, { maxBytes: GIB })
  } finally {
    await rm(folder, { recursive: true })
  }
}

export const benchmark: Benchmark = {
  id: 'b4',
  title: 'import: hash and outboard of a 1 GiB file in the page cache',
  floor: 0.35,
  goal: 0.45,
  rounds: 7,
  async contenders({ clock, folder, smoke }) {
    const path = await randomFile(join(folder, 'content'), smoke ? 8 * MIB : GIB)
    const module = import.meta.filename
    const args = ['--num-threads', '1', path]
    return [
      inProcess({
        name: 'muster, hash and outboard',
        module,
        job: 'hashAndOutboard',
        argument: path,
      }),
      program(
        { clock },
        {
          name: 'b3sum --num-threads 1',
          command: 'b3sum',
          args,
          absent: 'install it (Debian: apt-get install b3sum)',
        },
      ),
      inProcess({
        name: 'muster, without SIMD',
        module,
        job: 'hashAndOutboard',
        argument: path,
        env: { MUSTER_BLAKE3: 'typescript' },
      }),
      inProcess({ name: 'muster, into the pool', module, job: 'intoPool', argument: path }),
    ]
  },
}
