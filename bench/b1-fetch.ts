/**
 * B1: two processes transfer 1 GiB from disk to disk. The content is verified against its id,
 * stored with its hash tree (outboard), and flushed at the end. The rival iroh-blobs does the same
 * over QUIC.
 */
import { join } from 'node:path'
import { GIB, MIB } from '../shared/units.ts'
import type { Benchmark } from './harness.ts'
import { pair } from './pair.ts'
import { randomFile } from './random-file.ts'

export const benchmark: Benchmark = {
  id: 'b1',
  title: 'fetch 1 GiB, verified, disk to disk, between two processes',
  floor: 3,
  goal: 5,
  async contenders({ folder, smoke }) {
    const content = await randomFile(join(folder, 'content'), smoke ? 8 * MIB : GIB)
    const argument = { content, folder }
    return [
      pair({ name: 'muster', module: join(import.meta.dirname, 'fetch-muster.ts'), argument }),
      pair({ name: 'iroh 0.35', module: join(import.meta.dirname, 'fetch-iroh.ts'), argument }),
    ]
  },
}
