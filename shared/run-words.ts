/**
 * A run's state in the few words that people and scripts read: remote-runner's and
 * process-manager's, and those for the states that they lack.
 */
import { signalNumber } from './signals.ts'

export type RunState =
  | 'starting'
  | 'running'
  | 'exited'
  | 'stopped'
  | 'killed'
  | 'failed to start'
  | 'lost'

export interface RunEnd {
  readonly state: RunState
  readonly exitCode?: number | null | undefined
  readonly signal?: string | null | undefined
  readonly reason?: string | null | undefined
}

/**
 * What is told about a run beside its state. Any of it may be absent: an older coordinator doesn't
 * send it.
 */
export interface RunRemarks {
  readonly status: string
  readonly state: string
  readonly reason?: string | null | undefined
  /** Limits that were asked for and that its host can't enforce. */
  readonly unenforced?: readonly string[] | undefined
}

/** As timeout(1) ends when the time is up, whatever the program did then. */
const TIMED_OUT = 124
/** 128 and SIGKILL. */
const OUT_OF_MEMORY = 137
/** 128 and SIGTERM: the program may have ended cleanly, but it was asked to. */
const STOPPED = 143
/** Muster's own failure, or an end that is not known. */
const UNKNOWN = 125

/** In place of the words below: the host has not said whether it started the run. */
export const NOT_CONFIRMED = 'not confirmed'

/**
 * `running` | `exited: N` | `stopped` | `killed: SIGNAL` | `failed to start: REASON` |
 * `lost: REASON`
 */
export function runWords({ state, exitCode, signal, reason }: RunEnd): string {
  switch (state) {
    case 'starting':
    case 'running':
      return 'running'
    case 'stopped':
      return 'stopped'
    case 'exited':
      return `exited: ${exitCode ?? 'unknown'}`
    case 'killed':
      return `killed: ${signal ?? reason ?? 'unknown'}`
    case 'failed to start':
    case 'lost':
      return `${state}: ${reason ?? 'unknown'}`
    default:
      return state satisfies never
  }
}

/** True once nothing about the run changes any more. */
export function isTerminal(state: RunState): boolean {
  return state !== 'starting' && state !== 'running'
}

/**
 * What `muster run` exits with. The cause comes first: a run that Muster ended is never a success,
 * even if its program exited with 0. Else the remote code, 128 and the signal's number, or 125
 * where Muster or the start failed.
 */
export function runExitCode({ state, exitCode, signal, reason }: RunEnd): number {
  const bySignal = typeof signal === 'string' ? 128 + (signalNumber(signal) ?? 0) : undefined
  switch (state) {
    case 'exited':
      return exitCode ?? UNKNOWN
    case 'stopped':
      return bySignal ?? STOPPED
    case 'killed':
      if (reason === 'timeout') return TIMED_OUT
      if (reason === 'oom' || reason === 'memory') return OUT_OF_MEMORY
      return bySignal ?? UNKNOWN
    default:
      return UNKNOWN
  }
}

const REASONS: Readonly<Record<string, string>> = {
  timeout: 'its time limit was reached (timeout)',
  oom: 'its memory limit was reached (oom)',
}

/**
 * Why a run was killed, for a person who reads its status already; undefined if the status says it
 * all.
 */
export function whyKilled({ state, reason }: RunRemarks): string | undefined {
  if (state !== 'killed' || !reason) return undefined
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : reason
}

/** Which limits aren't enforced; undefined if all are. */
export function notEnforced({ unenforced }: Pick<RunRemarks, 'unenforced'>): string | undefined {
  if (unenforced === undefined || unenforced.length === 0) return undefined
  const flags = unenforced.map((name) => `--${name}`)
  return `${flags.join(', ')} ${flags.length === 1 ? 'is' : 'are'} not enforced on this host`
}

/**
 * The status with what a list must not leave out: `killed: SIGKILL (oom)`,
 * `running (--memory not enforced)`.
 */
export function runSummary(run: RunRemarks): string {
  const remarks = [
    ...(whyKilled(run) === undefined || run.status.endsWith(`: ${run.reason}`) ? [] : [run.reason]),
    ...(run.unenforced ?? []).map((name) => `--${name} not enforced`),
  ]
  return remarks.length === 0 ? run.status : `${run.status} (${remarks.join(', ')})`
}
