/**
 * Writes the log of a process: one JSON object per line on a file descriptor (stderr), or readable
 * lines on a terminal. The redactor is the last step of every line, so no text bypasses it. Writes
 * are synchronous, so that the log has all lines before a crash.
 */
import { defined } from './defined.ts'
import { styleText } from 'node:util'
import { destination, pino } from 'pino'
import { type Clock, rfc3339 } from './clock.ts'
import { MusterError } from './errors.ts'
import type { Redactor } from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
/** Plain values. An error has the key `error`. */
export type LogData = Readonly<Record<string, unknown>>

export interface Logger {
  debug(data: LogData, message: string): void
  info(data: LogData, message: string): void
  warn(data: LogData, message: string): void
  error(data: LogData, message: string): void
  /** Returns a logger that adds `data` (the area, the peer, the operation) to each line. */
  child(data: LogData): Logger
}

export interface LoggerOptions {
  readonly level: LogLevel
  /** Default: 2, stderr. */
  readonly format: 'json' | 'pretty'
  /** The file descriptor of the lines. Default: 2, stderr. */
  readonly fd?: number
  /** Colours in the pretty format. */
  readonly color?: boolean
}

/** The keys whose values are never logged, at the top of a line's data or one level below. */
const SECRET_KEYS = [
  'password',
  'passphrase',
  'token',
  'secret',
  'seed',
  'privateKey',
  'authorization',
  'cookie',
]
/** The maximum length of a chain of causes. A longer one is a loop or useless. */
const MAX_CAUSES = 5

/**
 * Converts an error and its causes to data: code and message of a Muster error, or name, code,
 * message and stack of any other error.
 */
export function describeError(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const cause =
    error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describeError(error.cause, depth + 1) }
  if (error instanceof MusterError) return { code: error.code, message: error.message, ...cause }
  const code = 'code' in error ? error.code : undefined
  return {
    ...defined({ name: error.name, code }),
    message: error.message,
    stack: error.stack,
    ...cause,
  }
}

export function createLogger(
  deps: { clock: Clock; redactor: Redactor },
  options: LoggerOptions,
): Logger {
  const sink = destination({ dest: options.fd ?? 2, sync: true })
  // The reader of the log has ended or the disk is full. A daemon continues without its log.
  sink.on('error', () => undefined)
  const write = (line: string): void => {
    sink.write(options.format === 'json' ? line : pretty(line, options.color ?? false))
  }
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${rfc3339(deps.clock.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => describeError(error) },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
      hooks: { streamWrite: (line) => deps.redactor.text(line) },
    },
    { write },
  )
}

const COLORS = { debug: 'gray', info: 'cyan', warn: 'yellow', error: 'red' } as const

/** Formats one JSON line as readable text: `14:02:11.250 info  message  key=value`. */
function pretty(line: string, color: boolean): string {
  const { level, time, msg, error, ...data } = JSON.parse(line) as {
    level: LogLevel
    time: string
    msg?: string
    error?: { message: string; stack?: string }
  }
  const word = color
    ? styleText(COLORS[level], level.padEnd(5), { validateStream: false })
    : level.padEnd(5)
  const pairs = Object.entries(data).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const failure = error === undefined ? [] : [`error=${JSON.stringify(error.message)}`]
  const stack = error?.stack === undefined ? '' : `${error.stack}\n`
  return `${[time.slice(11, 23), word, msg ?? '', ...pairs, ...failure].join(' ')}\n${stack}`
}

/** A logger that drops all lines, for tests and for code that runs without a log. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}
