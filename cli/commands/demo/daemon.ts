/** Starts a daemon of the demo: a process of this program that runs until the demo ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../shared/clock.ts'
import { demoError } from './scratch.ts'

/**
 * The time limit from the start to the `ready` line. The machine also runs the rest of the fleet.
 */
const READY_MS = 60_000
/** The time between SIGTERM and SIGKILL. */
const STOP_MS = 5_000
/** The number of lines of the daemon's log that an error shows. */
const LOG_LINES = 15

export interface DaemonOptions {
  readonly name: string
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** The file that receives stderr. */
  readonly log: string
}

export interface Daemon {
  /** Resolves with the words of its `ready` line. Rejects with demo.not-ready. */
  readonly ready: Promise<string[]>
  stop(): Promise<void>
}

/** Returns the command line that starts this program with these words. */
export function thisProgram(words: readonly string[]): [program: string, ...args: string[]] {
  const [program = process.execPath, script = ''] = process.argv
  return [program, script, ...words]
}

export function startDaemon(deps: { clock: Clock }, options: DaemonOptions): Daemon {
  const log = createWriteStream(options.log)
  const [program, ...args] = thisProgram(options.words)
  const child = spawn(program, args, { env: options.env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const ready = readyLine(deps, options, { child, ended, log })
  // The caller may stop the daemon before it awaits `ready`.
  ready.catch(() => undefined)
  return {
    ready,
    async stop() {
      child.kill('SIGTERM')
      const cancel = deps.clock.after(STOP_MS, () => child.kill('SIGKILL'))
      await ended
      cancel()
      log.end()
    },
  }
}

/** Copies stderr to the log, and resolves with the words of the `ready` line. */
function readyLine(
  { clock }: { clock: Clock },
  options: DaemonOptions,
  { child, ended, log }: { child: ChildProcess; ended: Promise<void>; log: WriteStream },
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const fail = (): void => void notReady(options).then(reject)
    const cancel = clock.after(READY_MS, fail)
    // Holds the text before the `ready` line, undefined afterwards.
    let text: string | undefined = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      log.write(chunk)
      if (text === undefined) return
      text += chunk.toString()
      const line = /^ready .*$/m.exec(text)?.[0]
      if (line === undefined) return
      text = undefined
      cancel()
      resolve(line.split(' '))
    })
    void ended.then(() => {
      cancel()
      fail()
    })
  })
}

async function notReady({ name, log }: DaemonOptions): Promise<Error> {
  const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n')
  return demoError('demo.not-ready', { what: name, log: lines.slice(-LOG_LINES).join('\n') })
}
