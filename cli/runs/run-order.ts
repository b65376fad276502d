/**
 * What `process start` and `run` have in common: the options of a run, and starting it on its
 * hosts.
 */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import type { RunStartArguments } from '../../protocols/control/verbs.ts'
import { DEFAULT_OUTPUT_BYTES } from '../../shared/run-defaults.ts'
import { GIB } from '../../shared/units.ts'
import { cliError } from '../terminal/errors.ts'
import type { ArgumentSpecs, FlagSpecs, FlagValues } from '../program/flags.ts'

/**
 * What the runner takes: one timer reaches no further (agent/runner/ground/order.ts), in whole
 * days.
 */
const MAX_TIMEOUT_MS = 24 * 86_400_000

const onFlag = {
  type: 'list',
  value: 'HOSTS',
  summary: 'where: a name, an id, k=v[,k=v], or all',
} as const

export const runOptions = {
  on: onFlag,
  env: {
    type: 'variables',
    value: 'K[=V]',
    summary:
      'an environment variable of the process, whose value is in no log; K alone passes on the value that it has here',
  },
  cwd: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary: 'its working directory; default: /',
  },
  user: { type: 'string', value: 'USER', summary: "whom it runs as; default: the agent's user" },
  name: { type: 'string', value: 'NAME', summary: 'a name for lists' },
  memory: {
    type: 'size',
    value: 'SIZE',
    summary: 'memory of the whole run; beyond it the run is killed',
    min: 1,
  },
  cpu: { type: 'string', value: 'N', summary: 'processors, such as 1.5' },
  pids: {
    type: 'integer',
    value: 'N',
    summary: 'processes and threads at once',
    min: 1,
    max: 4_194_304,
  },
  timeout: {
    type: 'duration',
    value: 'TIME',
    summary:
      'it is killed with all that it started, if it still runs after this time, and `muster run` exits with 124; what it leaves when it ends before has no limit',
    min: 1,
    max: MAX_TIMEOUT_MS,
  },
  outputLimit: {
    type: 'size',
    value: 'SIZE',
    summary: 'output that is kept; beyond it the middle is dropped',
    default: DEFAULT_OUTPUT_BYTES,
    min: 65_536,
    max: 64 * GIB,
  },
} as const satisfies FlagSpecs
export type RunFlags = FlagValues<typeof runOptions>

/** The options of a command that always names its hosts. */
export const runFlags = {
  ...runOptions,
  on: { ...onFlag, required: true },
} as const satisfies FlagSpecs

export const runArguments = {
  command: {
    accepts: 'text',
    summary:
      'the program and its arguments; everything from here on goes to the host unchanged (UTF-8 only), and stands in the log: secrets go into --env',
    variadic: true,
  },
} as const satisfies ArgumentSpecs

export interface StartedRun {
  readonly agent: string
  readonly host: string
  readonly run: string
}

export interface Started {
  readonly runs: readonly StartedRun[]
  readonly response: OperateResponse
}

/** What the flags say of a run, but for its environment. @throws cli.usage */
export function orderOf(
  flags: RunFlags,
  command: readonly string[],
): Omit<RunStartArguments, 'runs' | 'env'> {
  if (command.length === 0)
    throw cliError('cli.usage', {
      reason: 'a command is needed',
      hint: 'muster process start --on HOST -- COMMAND [ARG...]',
    })
  if (flags.cwd !== undefined && !flags.cwd.startsWith('/'))
    throw cliError('cli.usage', {
      reason: `--cwd: expected an absolute path, got ${JSON.stringify(flags.cwd)}`,
      hint: 'it is a folder of the host, such as /srv/app',
    })
  return {
    command: [...command],
    ...(flags.cwd === undefined ? {} : { cwd: flags.cwd }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    limits: {
      outputBytes: flags.outputLimit,
      ...(flags.memory === undefined ? {} : { memoryBytes: flags.memory }),
      ...(flags.cpu === undefined ? {} : { cpuMillis: cpuMillis(flags.cpu) }),
      ...(flags.pids === undefined ? {} : { pids: flags.pids }),
      ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
    },
  }
}

function cpuMillis(text: string): number {
  const millis = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : 0
  if (millis < 10)
    throw cliError('cli.usage', {
      reason: `${JSON.stringify(text)} is not a number of processors such as 1.5`,
      hint: '--cpu takes 0.01 or more',
    })
  return millis
}
