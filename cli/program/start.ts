/**
 * Runs one command line in this process: streams, signals, bugs, exit code. If a command leaves a
 * handle open, the process ends after a short time.
 */
import { systemClock } from '../../shared/clock.ts'
import { createRedactor } from '../../shared/redact.ts'
import type { Registry } from './command.ts'
import { argumentFault, guardedEnvironment, guardFolder, processBytes } from './given-bytes.ts'
import { watchInterrupts } from './interrupt.ts'
import { runProgram } from './program.ts'
import { reportError } from './report-error.ts'
import { createSink } from '../terminal/sink.ts'

/**
 * The longest time that the process lives after its command. All output has been written by then.
 * gossipsub and libp2p keep timers for a second after they stop.
 */
const EXIT_GRACE_MS = 100

export async function start(registry: Registry, argv: readonly string[]): Promise<void> {
  const color = !argv.includes('--no-color')
  const stdout = createSink(process.stdout, { color })
  const stderr = createSink(process.stderr, { color })
  const interrupts = watchInterrupts({ stdout, stderr })
  // This error is a bug. The state is unknown, so the process ends with an error in the usual form.
  process.on('uncaughtException', (error) => {
    const options = { json: false, verbose: argv.includes('-v') || argv.includes('--verbose') }
    void reportError(error, { stderr, redactor: createRedactor() }, options).then((code) =>
      process.exit(code),
    )
  })
  // Delivers a signal that arrived while modules were loaded.
  await new Promise((resolve) => void setImmediate(resolve))
  guardFolder(processBytes)
  process.exitCode = await runProgram(registry, argv, {
    stdin: process.stdin,
    stdout,
    stderr,
    env: guardedEnvironment(process.env, processBytes),
    interrupts,
    fault: argumentFault(argv, processBytes),
  })
  interrupts.finish()
  // Node removes the signal listeners before it exits. A signal after that would end the process
  // without an error message.
  process.once('beforeExit', () => process.exit())
  systemClock.after(EXIT_GRACE_MS, () => process.exit())
}
