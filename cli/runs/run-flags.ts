/**
 * Declares the flags and arguments of the commands for runs. This file loads no code, so that help
 * is fast.
 */
import type { ArgumentSpecs, FlagSpecs, FlagValues } from '../program/flags.ts'
import { DEFAULT_OUTPUT_BYTES } from '../../shared/run-defaults.ts'
import { GIB } from '../../shared/units.ts'

export const localFlag = {
  local: {
    type: 'boolean',
    summary: 'the runs of this host, through the socket of the runner; nothing is signed or logged',
  },
} as const satisfies FlagSpecs

export const rawFlag = {
  raw: {
    type: 'boolean',
    summary:
      'write bytes unchanged to a terminal too; a hostile program can then control the terminal',
  },
} as const satisfies FlagSpecs

/** The runner's maximum (agent/runner/ground/order.ts) in whole days. */
const MAX_TIMEOUT_MS = 24 * 86_400_000

const onFlag = {
  type: 'list',
  value: 'HOSTS',
  summary: 'hosts: a name, an id, k=v[,k=v], or all',
} as const

export const runOptions = {
  on: onFlag,
  env: {
    type: 'variables',
    value: 'K[=V]',
    summary:
      'an environment variable of the process; the log does not contain the value; ' +
      'K without a value passes on the variable of this shell',
  },
  cwd: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary: 'the working directory on the host; default: /',
  },
  user: {
    type: 'string',
    value: 'USER',
    summary: "the user of the process; default: the agent's user",
  },
  name: { type: 'string', value: 'NAME', summary: 'a name for lists' },
  memory: {
    type: 'size',
    value: 'SIZE',
    summary: 'memory limit of the whole run; the kernel kills a run that exceeds it',
    min: 1,
  },
  cpu: { type: 'string', value: 'N', summary: 'number of processors, such as 1.5' },
  pids: {
    type: 'integer',
    value: 'N',
    summary: 'limit of processes and threads at the same time',
    min: 1,
    max: 4_194_304,
  },
  timeout: {
    type: 'duration',
    value: 'TIME',
    summary:
      'time limit of the program; after it the run and all its processes are killed, and ' +
      '`muster run` exits with 124',
    min: 1,
    max: MAX_TIMEOUT_MS,
  },
  outputLimit: {
    type: 'size',
    value: 'SIZE',
    summary: 'output that is kept; if there is more, the middle is dropped',
    default: DEFAULT_OUTPUT_BYTES,
    min: 65_536,
    max: 64 * GIB,
  },
} as const satisfies FlagSpecs
export type RunFlags = FlagValues<typeof runOptions>

/** Returns the options of a command that requires --on. */
export const runFlags = {
  ...runOptions,
  on: { ...onFlag, required: true },
} as const satisfies FlagSpecs

export const runArguments = {
  command: {
    accepts: 'text',
    summary:
      'the program and its arguments, as UTF-8; the host gets them unchanged, and the log ' +
      'contains them, so pass secrets with --env',
    variadic: true,
  },
} as const satisfies ArgumentSpecs
