/** Hashes a sample of the pool, also if the node isn't running. Changes nothing. */
import { join } from 'node:path'
import { MusterError } from '../../../../shared/errors.ts'
import { formatSize, MIB } from '../../../../shared/units.ts'
import { type Check, someOf } from '../ground/check.ts'

/** Small, because monitoring may run this every minute. */
const BUDGET = { bytes: 64 * MIB, ms: 3_000 }

export const pool: Check = {
  name: 'pool',
  run: async ({ context }) => {
    const config = await context.config().catch((error: unknown) => {
      if (error instanceof MusterError) return undefined
      throw error
    })
    if (config === undefined) return undefined
    const folder = join(config.storage.base_path, 'pool')
    const { publishedDamage } = await import('../../../../shared/blobs/published-damage.ts')
    const { inspectPool } = await import('../../../../shared/blobs/inspect.ts')
    const found = await inspectPool(context, folder, BUDGET, context.signal)
    if (found === undefined) return undefined
    const { blobs, hashed, hashedBytes, damaged } = found
    const part = `${hashed} of ${blobs} blobs hashed (${formatSize(hashedBytes)})`
    const trees = config.repositories.map(({ publish }) => publish.latest_path)
    const published = await publishedDamage(
      context,
      { pool: folder, trees, ms: BUDGET.ms },
      context.signal,
    )
    if (damaged.length === 0 && published.length > 0)
      return {
        status: 'fail',
        detail: `pool ${folder}: ${part}; damaged files are still published: ${someOf(published)}`,
        fix: 'muster pool check --deep',
      }
    if (damaged.length === 0)
      return { status: 'ok', detail: `pool ${folder}: ${part}, none is damaged` }
    return {
      status: 'fail',
      detail:
        `pool ${folder}: ${part}, ${damaged.length} damaged: ` +
        someOf(damaged.map(({ id }) => id)),
      fix: 'muster pool check --deep',
    }
  },
}
