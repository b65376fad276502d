/**
 * The entry of `muster`. Does as little as possible before the command is known: turns on the cache of compiled code, then loads the rest.
 * Ends by itself; a command that leaves something open is ended after a grace.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Beside the dependencies, which whoever may write there can replace anyway. Never the shared temporary folder, where anybody may plant code.
enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'muster'))

const [{ runProgram }, { registry }, { createSink }, { watchInterrupts }, { systemClock }, { reportError }, { createRedactor }] =
  await Promise.all([
    import('./program.ts'),
    import('./commands/index.ts'),
    import('./sink.ts'),
    import('./interrupt.ts'),
    import('../shared/clock.ts'),
    import('./report-error.ts'),
    import('../shared/redact.ts'),
  ])

/** How long a finished command may keep the process alive before it is ended; something was left open then. */
const EXIT_GRACE_MS = 2000

const color = !process.argv.includes('--no-color')
const stdout = createSink(process.stdout, { color })
const stderr = createSink(process.stderr, { color })
const interrupts = watchInterrupts({ stdout, stderr })
// A defect: unknown state is fatal for the process, and said in the same form as every other failure.
process.on('uncaughtException', (error) => {
  void reportError(error, { stderr, redactor: createRedactor() }, { json: false, verbose: process.argv.includes('-v') }).then((code) =>
    process.exit(code),
  )
})
process.exitCode = await runProgram(registry, process.argv.slice(2), { stdin: process.stdin, stdout, stderr, env: process.env, interrupts })
interrupts.stop()
systemClock.after(EXIT_GRACE_MS, () => process.exit())
