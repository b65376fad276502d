/**
 * The run definition: the run that the agent asks the runner to start. This module checks its form.
 * The operating system checks the rest, such as a missing program or user. The runner records its
 * errors as `failed to start`.
 */
import { createHash } from 'node:crypto'
import { defined } from '../../../shared/defined.ts'
import { type RunId, runId } from '../../../shared/ids.ts'
import { DEFAULT_OUTPUT_BYTES } from '../../../shared/run-defaults.ts'
import { runnerError } from './errors.ts'

export interface RunLimits {
  /**
   * Bytes of memory of the whole run. Above this, the run is killed with reason `oom`. Absent: no
   * limit.
   */
  readonly memoryBytes?: number
  /** Processors, such as 1.5. Absent: no limit. */
  readonly cpu?: number
  /** The number of processes and threads at once. At this limit, a fork fails. Absent: no limit. */
  readonly pids?: number
  /** Milliseconds until the run is killed with reason `timeout`. Absent: no limit. */
  readonly timeoutMs?: number
  /**
   * The number of bytes of stdout and stderr together that are kept. Above this, the middle is
   * dropped. The minimum is {@link MIN_OUTPUT_BYTES}.
   */
  readonly outputBytes: number
}

export interface RunOrder {
  /** If the same definition is sent again with this id, it is the same run. It is started once. */
  readonly run: RunId
  /**
   * Program and arguments, which are not changed. A program without a slash is searched in PATH.
   */
  readonly command: readonly string[]
  /**
   * Variables in addition to the base environment (PATH, HOME, LANG, USER). They may replace its
   * variables. The runner's own environment is not inherited.
   */
  readonly env: Readonly<Record<string, string>>
  /** An absolute path. Default: `/`. */
  readonly cwd?: string
  /** A name or numeric id. Default: the user of the runner. */
  readonly user?: string
  /** A name for people. Several runs may have the same name. */
  readonly name?: string
  readonly limits: RunLimits
}

/** Fewer bytes can't be split into segment files with the beginning and the end. */
export const MIN_OUTPUT_BYTES = 64 * 1024
/**
 * This is more than a kernel passes to a program (a quarter of the stack limit, 2 MiB by default).
 * So E2BIG comes from the kernel.
 */
export const MAX_ARGUMENT_BYTES = 6 * 1024 * 1024
/** The longest timer: 2^31 - 1 ms, some 24 days. */
export const MAX_TIMEOUT_MS = 2_147_483_647
const MAX_NAME_CHARS = 256

type Fields = Readonly<Record<string, unknown>>

/** Parses a run definition. @throws runner.invalid-order */
export function parseOrder(value: unknown): RunOrder {
  const order = record('order', value, ['run', 'command', 'env', 'cwd', 'user', 'name', 'limits'])
  if (!runId.is(order.run)) throw invalid('run', 'a UUID', order.run)
  const { command } = order
  if (!isCommand(command)) throw invalid('command', 'a program and its arguments', command)
  const env = parseEnvironment(order.env ?? {})
  const bytes = [...command, ...Object.keys(env), ...Object.values(env)].reduce(
    (sum, part) => sum + Buffer.byteLength(part),
    0,
  )
  if (bytes > MAX_ARGUMENT_BYTES)
    throw invalid('command', `at most ${MAX_ARGUMENT_BYTES} bytes with its environment`, bytes)
  const { cwd } = order
  if (cwd !== undefined && (typeof cwd !== 'string' || !cwd.startsWith('/')))
    throw invalid('cwd', 'an absolute path', cwd)
  return defined({
    run: order.run,
    command,
    env,
    cwd,
    user: text('user', order.user),
    name: text('name', order.name),
    limits: parseLimits(order.limits),
  })
}

/** Returns the first word of the command, which is never empty. */
export function programOf({ command }: Pick<RunOrder, 'command'>): string {
  return command[0] ?? ''
}

function isCommand(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value[0] !== '' &&
    value.every((part) => typeof part === 'string')
  )
}

function parseEnvironment(value: unknown): Record<string, string> {
  const entries = Object.entries(record('env', value, undefined)).map(([name, text]) => {
    if (typeof text !== 'string') throw invalid(`env.${name}`, 'a string', text)
    return [name, text] as const
  })
  return Object.fromEntries(entries)
}

function parseLimits(value: unknown): RunLimits {
  const limits = record('limits', value, ['memoryBytes', 'cpu', 'pids', 'timeoutMs', 'outputBytes'])
  const { memoryBytes, cpu, pids, timeoutMs } = limits
  const outputBytes = limits['outputBytes'] ?? DEFAULT_OUTPUT_BYTES
  if (cpu !== undefined && !(typeof cpu === 'number' && cpu >= 0.01 && cpu <= 100_000))
    throw invalid('limits.cpu', 'a number from 0.01', cpu)
  return defined({
    memoryBytes: optionalCount('memoryBytes', memoryBytes, Number.MAX_SAFE_INTEGER),
    cpu,
    pids: optionalCount('pids', pids, 4_194_304),
    timeoutMs: optionalCount('timeoutMs', timeoutMs, MAX_TIMEOUT_MS),
    outputBytes: Math.max(
      count('outputBytes', outputBytes, Number.MAX_SAFE_INTEGER),
      MIN_OUTPUT_BYTES,
    ),
  })
}

/**
 * Returns a digest that is equal for two requests of the same run. It is stored in place of the
 * definition, because the environment may contain secrets. A reader of the digest could test
 * passwords, so it covers only the names of variables. The agent checks the values against the
 * signed intent.
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
  if (!isFields(value)) throw invalid(field, 'an object', value)
  const unknown =
    keys === undefined ? undefined : Object.keys(value).find((key) => !keys.includes(key))
  if (unknown !== undefined) throw invalid(field, `only ${keys?.join(', ')}`, unknown)
  return value
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function text(field: 'user' | 'name', value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_CHARS)
    throw invalid(field, `1 to ${MAX_NAME_CHARS} characters`, value)
  return value
}

function optionalCount(field: string, value: unknown, max: number): number | undefined {
  return value === undefined ? undefined : count(field, value, max)
}

function count(field: string, value: unknown, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > max)
    throw invalid(`limits.${field}`, `a whole number from 1 to ${max}`, value)
  return value
}

function invalid(field: string, expected: string, got: unknown): Error {
  return runnerError('runner.invalid-order', {
    field,
    expected,
    got: (JSON.stringify(got) ?? 'nothing').slice(0, 80),
  })
}
