/** Checks the free space for the pool and the log. */
import { statfs } from 'node:fs/promises'
import { formatSize, GIB, MIB } from '../../../../shared/units.ts'
import type { Check } from '../ground/check.ts'

/** With less, one sync of a medium-sized repository can fill the disk. */
const LOW_BYTES = 5 * GIB
/** With less, one more log entry with its checkpoint may not fit. */
const FULL_BYTES = MIB

export const space: Check = {
  name: 'space',
  run: async ({ context }) => {
    const folder = await context.config().then(
      (config) => config.storage.base_path,
      () => context.home(),
    )
    const stats = await statfs(folder).catch(() => undefined)
    if (stats === undefined) return undefined
    const free = stats.bavail * stats.bsize
    const detail = `${formatSize(free)} free in ${folder}`
    if (free >= LOW_BYTES) return { status: 'ok', detail }
    if (free < FULL_BYTES)
      return { status: 'fail', detail, fix: `free some space in ${folder}; no restart is needed` }
    return {
      status: 'warn',
      detail,
      fix: 'move storage.base_path to a larger disk; nothing in it is removed by itself',
    }
  },
}
