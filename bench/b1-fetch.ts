/**
 * B1: fetch 1 GiB between two processes, disk to disk: verified against its id, with the outboard,
 * flushed at the end. Compared with iroh-blobs, which does the same over QUIC.
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
