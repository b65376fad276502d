/**
 * `node publish-until-killed.ts FOLDER VERSION N` publishes that version of `repo`. The process
 * dies at the N-th place: a use of the pool, a temporary name or a transaction. With 0 it continues
 * and prints the number of places. crash.test.ts runs it.
 */
import { join } from 'node:path'
import { createFolderDestination } from '../folder/destination.ts'
import { openPool, type Pool } from '../../../../shared/blobs/pool.ts'
import { systemClock } from '../../../../shared/clock.ts'
import { systemRandom } from '../../../../shared/random.ts'
import { type Database, openDatabase } from '../../../database/database.ts'
import { dieAt } from '../../../database/testing/die.ts'
import { silentLog } from '../../sync/testing.ts'
import { createPublisher } from '../publisher.ts'

const [folder, version, place] = process.argv.slice(2) as [string, string, string]
const die = dieAt(Number(place))
let places = 0
const pass = (): void => {
  places += 1
  die()
}

/**
 * Returns the same object, but each call of these methods passes a place first. The methods in
 * `after` change something, so they pass a second place afterwards.
 */
function deadly<T extends object>(
  object: T,
  before: readonly (keyof T)[],
  after: readonly (keyof T)[] = [],
): T {
  const wrap = (method: keyof T) => [
    method,
    (...args: unknown[]) => {
      pass()
      const result = (object[method] as (...args: unknown[]) => unknown)(...args)
      return after.includes(method) ? (result as Promise<unknown>).finally(pass) : result
    },
  ]
  return { ...object, ...Object.fromEntries(before.map(wrap)) }
}

const clock = systemClock
const real = await openDatabase({ clock }, { url: `sqlite://${folder}/muster.db` })
const database: Database = deadly(real, ['transaction'], ['transaction'])
const pool: Pool = deadly(
  await openPool({ clock, random: systemRandom }, { folder: join(folder, 'pool') }),
  ['verify', 'path', 'removeFolder'],
)
const publisher = createPublisher({
  database,
  pool,
  destination: createFolderDestination({ pool, clock, random: deadly(systemRandom, ['bytes']) }),
  clock,
  log: silentLog,
})
const signal = new AbortController().signal
await publisher.publish({
  repository: 'repo',
  target: 'latest',
  path: join(folder, 'publish/repo/latest'),
  version: Number(version),
  signal,
})
pass()
console.log(places)
await real.close()
