/** Converts the flags of `process start` and `run` to the arguments of the intent. */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import type { RunStartArguments } from '../../protocols/control/verbs.ts'
import { defined } from '../../shared/defined.ts'
import { cliError } from '../terminal/errors.ts'
import type { RunFlags } from './run-flags.ts'

export interface StartedRun {
  readonly agent: string
  readonly host: string
  readonly run: string
}

export interface Started {
  readonly runs: readonly StartedRun[]
  readonly response: OperateResponse
}

/** Returns the arguments of the intent without the environment. @throws cli.usage */
export function orderOf(
  flags: RunFlags,
  command: readonly string[],
): Omit<RunStartArguments, 'runs' | 'env'> {
  if (command.length === 0)
    throw cliError('cli.usage', {
      reason: 'no command is given',
      hint: 'run `muster process start --on HOST -- COMMAND [ARG...]`',
    })
  if (flags.cwd !== undefined && !flags.cwd.startsWith('/'))
    throw cliError('cli.usage', {
      reason: `--cwd: expected an absolute path, got ${JSON.stringify(flags.cwd)}`,
      hint: 'name a folder of the host, such as /srv/app',
    })
  return {
    command: [...command],
    ...defined({ cwd: flags.cwd, user: flags.user, name: flags.name }),
    limits: defined({
      outputBytes: flags.outputLimit,
      memoryBytes: flags.memory,
      cpuMillis: flags.cpu === undefined ? undefined : cpuMillis(flags.cpu),
      pids: flags.pids,
      timeoutMs: flags.timeout,
    }),
  }
}

function cpuMillis(text: string): number {
  const millis = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : 0
  if (millis < 10)
    throw cliError('cli.usage', {
      reason: `--cpu: expected a number of processors such as 1.5, got ${JSON.stringify(text)}`,
      hint: 'pass 0.01 or more',
    })
  return millis
}
