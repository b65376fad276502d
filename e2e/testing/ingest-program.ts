/**
 * Ingests zeros into a pool, in pieces like those of a socket: `node ingest-program.ts FOLDER
 * BYTES`. It prints its peak memory in bytes.
 */
import { openPool } from '../../shared/blobs/pool.ts'
import { systemClock } from '../../shared/clock.ts'
import { systemRandom } from '../../shared/random.ts'
import { sparseDisk } from '../../shared/testing/sparse-disk.ts'
import { KIB } from '../../shared/units.ts'
import { peakBytes } from './memory.ts'

const PIECE_BYTES = 64 * KIB

/** Like a socket, this creates a new buffer for each piece. */
export async function* zeros(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += PIECE_BYTES)
    yield Buffer.alloc(Math.min(PIECE_BYTES, bytes - at))
}

if (import.meta.main) {
  const [folder, bytes] = process.argv.slice(2) as [string, string]
  const pool = await openPool(
    { clock: systemClock, random: systemRandom, disk: sparseDisk },
    { folder },
  )
  const { size } = await pool.ingest(zeros(Number(bytes)), { maxBytes: Number(bytes) })
  console.log(JSON.stringify({ size, peak: await peakBytes(process.pid) }))
}
