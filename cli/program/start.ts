/**
 * Wires one run of the command line to this process: streams, signals, defects, exit code. Ends by
 * itself; a command that leaves something open is ended after a grace.
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
 * How long a finished command may keep the process alive before it is ended. Everything that it
 * wrote was handed to the system by then; what is left are timers of libraries (gossipsub and
 * libp2p hold theirs for a second after they were stopped).
 */
const EXIT_GRACE_MS = 100

export async function start(registry: Registry, argv: readonly string[]): Promise<void> {
  const color = !argv.includes('--no-color')
  const stdout = createSink(process.stdout, { color })
  const stderr = createSink(process.stderr, { color })
  const interrupts = watchInterrupts({ stdout, stderr })
  // A defect: unknown state is fatal for the process, and said in the same form as every other
  // failure.
  process.on('uncaughtException', (error) => {
    const options = { json: false, verbose: argv.includes('-v') || argv.includes('--verbose') }
    void reportError(error, { stderr, redactor: createRedactor() }, options).then((code) =>
      process.exit(code),
    )
  })
  // A signal that came while everything was loaded is delivered in a turn of the event loop.
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
  // Node's own end removes the listeners of signals first: one that comes then would end it raw.
  process.once('beforeExit', () => process.exit())
  systemClock.after(EXIT_GRACE_MS, () => process.exit())
}
