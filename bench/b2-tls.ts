/**
 * B2: compares the fetch of B1 with the upper limit of this runtime. The rival sends the same bytes
 * over a plain TLS socket of node:tls, from memory to memory, without verification and disk.
 */
import { join } from 'node:path'
import { GIB, MIB } from '../shared/units.ts'
import type { Benchmark } from './harness.ts'
import { pair } from './pair.ts'
import { randomFile } from './random-file.ts'

export const benchmark: Benchmark = {
  id: 'b2',
  title: 'fetch 1 GiB, verified, disk to disk, against bare TLS from memory to memory',
  floor: 0.4,
  goal: 0.6,
  async contenders({ folder, smoke }) {
    const content = await randomFile(join(folder, 'content'), smoke ? 8 * MIB : GIB)
    const argument = { content, folder }
    return [
      pair({ name: 'muster', module: join(import.meta.dirname, 'fetch-muster.ts'), argument }),
      pair({
        name: 'node:tls, memory to memory',
        module: join(import.meta.dirname, 'fetch-tls.ts'),
        argument,
      }),
    ]
  },
}
