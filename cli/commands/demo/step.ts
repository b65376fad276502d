/** Runs one command of the demo as a process of this program. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { thisProgram } from './daemon.ts'
import { demoError } from './scratch.ts'

/** A step that takes longer counts as hung and is ended. */
export const STEP_MS = 60_000

export interface StepEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** @throws the signal's reason, or an error of the system if the process can't be started */
export async function runStep(
  signal: AbortSignal,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<StepEnd> {
  const [program, ...args] = thisProgram(words)
  const child = spawn(program, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: STEP_MS,
    signal,
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(signal.aborted ? signal.reason : error))
    child.once('close', (code) => resolve(code ?? 1))
  })
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, stdout, stderr }
}

/** Returns the error for a step that did not succeed. */
export function stepError(words: readonly string[], { code, stdout, stderr }: StepEnd): Error {
  return demoError('demo.step', {
    command: `muster ${words.join(' ')}`,
    code,
    output: (stderr || stdout).trimEnd(),
  })
}
