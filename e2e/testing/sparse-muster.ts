/**
 * The `muster` command with a sparse pool: `node sparse-muster.ts BIN WORD...` runs `BIN WORD...`
 * and stores zeros in its pool as holes.
 */
import { join } from 'node:path'
import { useSparseDisk } from '../../shared/testing/sparse-disk.ts'

const main = join(import.meta.dirname, '..', '..', 'cli', 'main.ts')
process.argv.splice(1, 2, main)
useSparseDisk()
await import(main)
