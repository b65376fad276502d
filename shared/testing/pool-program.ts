/**
 * A program that ingests into a pool and kills itself with SIGKILL at a step: `node pool-program.ts
 * FOLDER NUMBER`. It prints nothing, and exits with 0 if the work ends before that step.
 */
import { someBytes } from './bao.ts'
import { type Step, watchedDisk } from './faulty-disk.ts'
import { inPieces, testPool } from './pools.ts'

/**
 * The content has five groups, so that it has an outboard and more than one item in every encoding.
 */
export const PROGRAM_CONTENT = someBytes(70_000, 42)

if (import.meta.main) {
  const [folder, number] = process.argv.slice(2) as [string, string]
  const kill = (step: Step): void => {
    if (step.number === Number(number)) process.kill(process.pid, 'SIGKILL')
  }
  // The steps of opening the pool are counted too.
  const pool = await testPool({ folder, disk: watchedDisk({ before: kill }) })
  await pool.ingest(inPieces(PROGRAM_CONTENT), { maxBytes: 1 << 20 })
}
