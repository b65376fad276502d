/**
 * The requests of the runner's socket. A request is one frame. Its response is one frame with
 * `{result}` or `{error}`.
 */
import { defined } from '../../../shared/defined.ts'
import { type RunId, runId } from '../../../shared/ids.ts'
import { signalNumber } from '../../../shared/signals.ts'
import { MAX_BODY_BYTES } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import type { RunOrder } from '../ground/order.ts'
import { parseOrder } from '../ground/order.ts'
import type { Keep } from '../records/retention.ts'
import type { Stream } from '../ground/run-state.ts'

/**
 * The version of the protocol. Increase it if an old runner would misunderstand a new client. A
 * runner continues after the agent that started it.
 */
export const RUNNER_PROTOCOL = 1

/** The exit code of a runner if another one is running (EX_TEMPFAIL of sysexits.h). */
export const EXIT_HELD = 75

export type Request =
  | { readonly method: 'hello'; readonly keep?: Keep }
  | { readonly method: 'start'; readonly order: RunOrder }
  | { readonly method: 'status'; readonly run: RunId }
  | { readonly method: 'list'; readonly after: string }
  | { readonly method: 'wait'; readonly run: RunId }
  | {
      readonly method: 'stop'
      readonly run: RunId
      readonly signal: string
      readonly graceMs: number
    }
  | { readonly method: 'signal'; readonly run: RunId; readonly signal: string }
  | {
      readonly method: 'read'
      readonly run: RunId
      readonly stream: Stream
      readonly offset: number
      readonly max: number
    }
  | {
      readonly method: 'next'
      readonly run: RunId
      readonly stdout: number
      readonly stderr: number
    }
  | { readonly method: 'shutdown'; readonly stopRuns: boolean; readonly graceMs: number }

/** A day. Timers can't be longer than 24 days. */
const MAX_GRACE_MS = 86_400_000

type Fields = Readonly<Record<string, unknown>>

/** @throws runner.invalid-request, runner.invalid-order */
export function parseRequest(head: Fields): Request {
  switch (head.method) {
    case 'hello':
      return defined({
        method: head.method,
        keep: head.keep === undefined ? undefined : keepOf(head.keep),
      })
    case 'start':
      return { method: 'start', order: parseOrder(head.order) }
    case 'status':
    case 'wait':
      return { method: head.method, run: runOf(head) }
    case 'list':
      return { method: 'list', after: typeof head.after === 'string' ? head.after : '' }
    case 'stop': {
      const signal = signalName(head.signal ?? 'SIGTERM')
      return { method: 'stop', run: runOf(head), signal, graceMs: graceOf(head) }
    }
    case 'signal':
      return { method: 'signal', run: runOf(head), signal: signalName(head.signal) }
    case 'read':
      return {
        method: 'read',
        run: runOf(head),
        stream: streamName(head.stream),
        offset: whole('offset', head.offset),
        max: whole('max', head.max, MAX_BODY_BYTES),
      }
    case 'next': {
      const [stdout, stderr] = [whole('stdout', head.stdout), whole('stderr', head.stderr)]
      return { method: 'next', run: runOf(head), stdout, stderr }
    }
    case 'shutdown':
      return { method: 'shutdown', stopRuns: head.stopRuns === true, graceMs: graceOf(head) }
    default:
      throw invalid('method', 'a method of this protocol')
  }
}

function runOf(head: Fields): RunId {
  if (!runId.is(head.run)) throw invalid('run', 'a UUID')
  return head.run
}

const graceOf = (head: Fields): number => whole('graceMs', head.graceMs, MAX_GRACE_MS)

/**
 * Returns the name of a signal. `TERM`, `SIGTERM` and `sigterm` are the same signal.
 * @throws runner.invalid-request
 */
export function signalName(value: unknown): string {
  const upper = typeof value === 'string' ? value.toUpperCase() : ''
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  if (signalNumber(name) === undefined)
    throw invalid('signal', 'a signal of this system, such as SIGTERM')
  return name
}

function keepOf(value: unknown): Keep {
  if (!isFields(value)) throw invalid('keep', 'an object')
  const { runs, bytes, days } = value
  return defined({
    runs: whole('keep.runs', runs),
    bytes: whole('keep.bytes', bytes),
    days: days === undefined ? undefined : whole('keep.days', days),
  })
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

function streamName(value: unknown): Stream {
  if (value !== 'stdout' && value !== 'stderr') throw invalid('stream', 'stdout or stderr')
  return value
}

function whole(what: string, value: unknown, max: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
    throw invalid(what, `a whole number from 0 to ${max}`)
  return value
}

function invalid(what: string, expected: string): Error {
  return runnerError('runner.invalid-request', { what, expected })
}
