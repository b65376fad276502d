/**
 * `npm run bench [NAME…] [-- --smoke]`: runs the named benchmarks (`b4`), or all. Prints a table
 * for each and writes bench/results/NAME.json. The exit code is 1 only if a benchmark can't run. A
 * slow benchmark isn't a failure.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../shared/clock.ts'
import { EXIT } from '../shared/exit-codes.ts'
import { BENCHMARKS } from './benchmarks.ts'
import { formatTable, runBenchmark, saveResult } from './harness.ts'

const RESULTS = join(import.meta.dirname, 'results')

async function main(args: readonly string[]): Promise<number> {
  const smoke = args.includes('--smoke')
  const named = args.filter((arg) => !arg.startsWith('--')).map((name) => name.toLowerCase())
  const unknown = [
    ...named.filter((name) => BENCHMARKS[name] === undefined),
    ...args.filter((arg) => arg.startsWith('--') && arg !== '--smoke'),
  ]
  if (unknown.length > 0) {
    process.stderr.write(
      `bench: error: unknown benchmark or flag: ${unknown.join(', ')} ` +
        `(expected ${Object.keys(BENCHMARKS).join(', ')} or --smoke)\n`,
    )
    return EXIT.usage
  }
  let failed = 0
  for (const name of named.length > 0 ? named : Object.keys(BENCHMARKS)) {
    const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'))
    try {
      const { benchmark } = await (BENCHMARKS[name] as (typeof BENCHMARKS)[string])()
      const rows = await runBenchmark(benchmark, { clock: systemClock, smoke, folder })
      process.stdout.write(`${formatTable(benchmark, rows, smoke)}\n\n`)
      if (!smoke) await saveResult({ clock: systemClock }, RESULTS, benchmark, rows)
    } catch (error) {
      failed += 1
      process.stderr.write(
        `bench: error: ${name} failed: ${error instanceof Error ? error.stack : String(error)}\n\n`,
      )
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return failed === 0 ? EXIT.done : EXIT.failed
}

process.exitCode = await main(process.argv.slice(2))
