/**
 * What a client may ask of the runner over its socket. Each request is one frame and is answered by
 * one frame: `{result}` or `{error}`.
 */
import { type RunId, runId } from '../../../shared/ids.ts'
import { signalNumber } from '../../../shared/signals.ts'
import { MAX_BODY_BYTES } from './codec.ts'
import { runnerError } from '../ground/errors.ts'
import type { RunOrder } from '../ground/order.ts'
import { parseOrder } from '../ground/order.ts'
import type { Keep } from '../records/retention.ts'
import type { Stream } from '../ground/run-state.ts'

/**
 * Changes when an old runner would misunderstand a new client. A runner outlives the agent that
 * started it, so they do meet.
 */
export const RUNNER_PROTOCOL = 1

/** Exit code of a runner that found another one at work (EX_TEMPFAIL of sysexits.h). */
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

/** A day: nothing needs longer to end well, and a timer reaches no further than 24 days. */
const MAX_GRACE_MS = 86_400_000

/** Throws runner.invalid-request or runner.invalid-order. */
export function parseRequest(head: Readonly<Record<string, unknown>>): Request {
  const run = (): RunId => {
    if (!runId.is(head.run)) throw invalid('run', 'a UUID')
    return head.run
  }
  switch (head.method) {
    case 'hello':
      return head.keep === undefined
        ? { method: 'hello' }
        : { method: 'hello', keep: keepOf(head.keep) }
    case 'start':
      return { method: 'start', order: parseOrder(head.order) }
    case 'status':
    case 'wait':
      return { method: head.method, run: run() }
    case 'list':
      return { method: 'list', after: typeof head.after === 'string' ? head.after : '' }
    case 'stop':
      return {
        method: 'stop',
        run: run(),
        signal: signalName(head.signal ?? 'SIGTERM'),
        graceMs: whole('graceMs', head.graceMs, MAX_GRACE_MS),
      }
    case 'signal':
      return { method: 'signal', run: run(), signal: signalName(head.signal) }
    case 'read':
      return {
        method: 'read',
        run: run(),
        stream: streamName(head.stream),
        offset: whole('offset', head.offset),
        max: whole('max', head.max, MAX_BODY_BYTES),
      }
    case 'next':
      return {
        method: 'next',
        run: run(),
        stdout: whole('stdout', head.stdout),
        stderr: whole('stderr', head.stderr),
      }
    case 'shutdown':
      return {
        method: 'shutdown',
        stopRuns: head.stopRuns === true,
        graceMs: whole('graceMs', head.graceMs, MAX_GRACE_MS),
      }
    default:
      throw invalid('method', 'a method of this protocol')
  }
}

/** `TERM`, `SIGTERM` and `sigterm` are the same signal. Throws runner.invalid-request. */
export function signalName(value: unknown): string {
  const upper = typeof value === 'string' ? value.toUpperCase() : ''
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  if (signalNumber(name) === undefined)
    throw invalid('signal', 'a signal of this system, such as SIGTERM')
  return name
}

function keepOf(value: unknown): Keep {
  if (typeof value !== 'object' || value === null) throw invalid('keep', 'an object')
  const { runs, bytes, days } = value as Record<string, unknown>
  return {
    runs: whole('keep.runs', runs),
    bytes: whole('keep.bytes', bytes),
    ...(days === undefined ? {} : { days: whole('keep.days', days) }),
  }
}

function streamName(value: unknown): Stream {
  if (value !== 'stdout' && value !== 'stderr') throw invalid('stream', 'stdout or stderr')
  return value
}

function whole(what: string, value: unknown, max: number = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max)
    throw invalid(what, `a whole number from 0 to ${max}`)
  return value as number
}

function invalid(what: string, expected: string): Error {
  return runnerError('runner.invalid-request', { what, expected })
}
