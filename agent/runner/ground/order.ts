/**
 * What a run is asked to be, checked whole before anything else looks at it. A field that the
 * operating system would judge (a missing program or user, a NUL in an argument) is not judged
 * here: that is for the run's own record to say, as `failed to start`.
 */
import { createHash } from 'node:crypto'
import { type RunId, runId } from '../../../shared/ids.ts'
import { DEFAULT_OUTPUT_BYTES } from '../../../shared/run-defaults.ts'
import { runnerError } from './errors.ts'

export interface RunLimits {
  /**
   * Memory of the whole run, in bytes. Passing it ends the run: killed, reason `oom`. Absent: no
   * limit.
   */
  readonly memoryBytes?: number
  /** Processors' worth of time, such as 1.5. Absent: no limit. */
  readonly cpu?: number
  /**
   * Processes and threads alive at once; a fork beyond it fails inside the run. Absent: no limit.
   */
  readonly pids?: number
  /**
   * Milliseconds from start until the run is stopped: killed, reason `timeout`. Absent: no limit.
   */
  readonly timeoutMs?: number
  /**
   * Bytes of output kept, stdout and stderr together; beyond it the middle is dropped, never the
   * newest. At least {@link MIN_OUTPUT_BYTES}.
   */
  readonly outputBytes: number
}

export interface RunOrder {
  /** Sent again with the same order it names the same run: there is never a second child. */
  readonly run: RunId
  /**
   * Program and arguments, given to the program unchanged; the program is looked up in PATH when it
   * has no slash.
   */
  readonly command: readonly string[]
  /**
   * Added to the base environment (PATH, HOME, LANG, USER), which it may replace. Nothing of the
   * runner's own is passed on.
   */
  readonly env: Readonly<Record<string, string>>
  /** Absolute. Default: /. */
  readonly cwd?: string
  /** Name or numeric id. Default: the runner's own user. */
  readonly user?: string
  /** For people; needn't be unique. */
  readonly name?: string
  readonly limits: RunLimits
}

/** Below this a head, a tail and their segment files make no sense. */
export const MIN_OUTPUT_BYTES = 64 * 1024
/**
 * More than any kernel passes to a program (a quarter of the stack limit, 2 MiB by default), so
 * E2BIG comes from the kernel.
 */
export const MAX_ARGUMENT_BYTES = 6 * 1024 * 1024
/** 2^31 - 1 ms is as far as one timer reaches. Longer than 24 days is no limit but a mistake. */
export const MAX_TIMEOUT_MS = 2_147_483_647
const MAX_NAME_CHARS = 256

type Fields = Readonly<Record<string, unknown>>

/** Throws runner.invalid-order. */
export function parseOrder(value: unknown): RunOrder {
  const order = record('order', value, ['run', 'command', 'env', 'cwd', 'user', 'name', 'limits'])
  if (!runId.is(order.run)) throw invalid('run', 'a UUID', order.run)
  const command = order.command
  if (
    !Array.isArray(command) ||
    command.length === 0 ||
    !command.every((part) => typeof part === 'string') ||
    command[0] === ''
  )
    throw invalid('command', 'a program and its arguments', command)
  const env = record('env', order.env ?? {}, undefined)
  for (const [name, text] of Object.entries(env))
    if (typeof text !== 'string') throw invalid(`env.${name}`, 'a string', text)
  const bytes = [...command, ...Object.keys(env), ...Object.values(env)].reduce(
    (sum: number, part) => sum + Buffer.byteLength(part as string),
    0,
  )
  if (bytes > MAX_ARGUMENT_BYTES)
    throw invalid('command', `at most ${MAX_ARGUMENT_BYTES} bytes with its environment`, bytes)
  if (order.cwd !== undefined && (typeof order.cwd !== 'string' || !order.cwd.startsWith('/')))
    throw invalid('cwd', 'an absolute path', order.cwd)
  return {
    run: order.run,
    command,
    env: env as Record<string, string>,
    ...(order.cwd === undefined ? {} : { cwd: order.cwd }),
    ...text('user', order.user),
    ...text('name', order.name),
    limits: parseLimits(order.limits),
  }
}

function parseLimits(value: unknown): RunLimits {
  const limits = record('limits', value, ['memoryBytes', 'cpu', 'pids', 'timeoutMs', 'outputBytes'])
  const outputBytes = count(
    'outputBytes',
    limits.outputBytes ?? DEFAULT_OUTPUT_BYTES,
    Number.MAX_SAFE_INTEGER,
  )
  if (
    limits.cpu !== undefined &&
    !(typeof limits.cpu === 'number' && limits.cpu >= 0.01 && limits.cpu <= 100_000)
  )
    throw invalid('limits.cpu', 'a number from 0.01', limits.cpu)
  return {
    ...(limits.memoryBytes === undefined
      ? {}
      : { memoryBytes: count('memoryBytes', limits.memoryBytes, Number.MAX_SAFE_INTEGER) }),
    ...(limits.cpu === undefined ? {} : { cpu: limits.cpu }),
    ...(limits.pids === undefined ? {} : { pids: count('pids', limits.pids, 4_194_304) }),
    ...(limits.timeoutMs === undefined
      ? {}
      : { timeoutMs: count('timeoutMs', limits.timeoutMs, MAX_TIMEOUT_MS) }),
    outputBytes: Math.max(outputBytes, MIN_OUTPUT_BYTES),
  }
}

/**
 * Two orders with the same digest ask for the same run. Kept on the disk instead of the order,
 * because an environment may hold secrets; and of that only the names, because whoever reads a
 * digest can try every likely password against it. That the values are the ordered ones the agent
 * has checked against the signed intent.
 */
export function orderDigest(order: RunOrder): string {
  const env = Object.keys(order.env).sort()
  const { memoryBytes, cpu, pids, timeoutMs, outputBytes } = order.limits
  const parts = [
    order.command,
    env,
    order.cwd,
    order.user,
    order.name,
    memoryBytes,
    cpu,
    pids,
    timeoutMs,
    outputBytes,
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

function record(field: string, value: unknown, keys: readonly string[] | undefined): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'an object', value)
  const unknown =
    keys === undefined ? undefined : Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) throw invalid(field, `only ${keys?.join(', ')}`, unknown)
  return value as Fields
}

function text<K extends 'user' | 'name'>(field: K, value: unknown): { [P in K]?: string } {
  if (value === undefined) return {}
  if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_CHARS)
    throw invalid(field, `1 to ${MAX_NAME_CHARS} characters`, value)
  return { [field]: value } as { [P in K]: string }
}

function count(field: string, value: unknown, max: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > max)
    throw invalid(`limits.${field}`, `a whole number from 1 to ${max}`, value)
  return value as number
}

function invalid(field: string, expected: string, got: unknown): Error {
  return runnerError('runner.invalid-order', {
    field,
    expected,
    got: (JSON.stringify(got) ?? 'nothing').slice(0, 80),
  })
}
