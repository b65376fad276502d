/** Makes the status text, the remarks and the exit code of a run from its state. */
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
 * The fields that are shown with a run's state. An older coordinator sends none of the optional
 * fields.
 */
export interface RunRemarks {
  readonly status: string
  readonly state: string
  readonly reason?: string | null | undefined
  /** The requested limits that the host can't enforce. */
  readonly unenforced?: readonly string[] | undefined
}

/** The exit code of timeout(1), independent of how the program ended. */
const TIMED_OUT = 124
/** 128 + SIGKILL. */
const OUT_OF_MEMORY = 137
/** 128 + SIGTERM, also if the program ended cleanly after the signal. */
const STOPPED = 143
/** Muster failed, or the end of the run is unknown. */
const UNKNOWN = 125

/** Replaces the words below if the host has not reported whether it started the run. */
export const NOT_CONFIRMED = 'not confirmed'

/**
 * Returns `running`, `exited: N`, `stopped`, `killed: SIGNAL`, `failed to start: REASON` or `lost:
 * REASON`.
 */
export function describeRun({ state, exitCode, signal, reason }: RunEnd): string {
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

/** True if the run has ended, so that its state doesn't change any more. */
export function isTerminal(state: RunState): boolean {
  return state !== 'starting' && state !== 'running'
}

/**
 * Returns the exit code of `muster run`: the remote code, 128 + the signal's number, or 125 if
 * Muster or the start failed. A run that Muster ended is never a success, even if its program
 * exited with 0. An unknown state of a newer version gives 125.
 */
export function runExitCode({
  state,
  exitCode,
  signal,
  reason,
}: Omit<RunEnd, 'state'> & { readonly state: string }): number {
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
 * Returns the reason why a run was killed, in words. Undefined if the status already contains the
 * reason.
 */
export function killReason({ state, reason }: RunRemarks): string | undefined {
  if (state !== 'killed' || !reason) return undefined
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : reason
}

/** Returns a sentence with the limits that aren't enforced. Undefined if all are enforced. */
export function unenforcedLimits({
  unenforced,
}: Pick<RunRemarks, 'unenforced'>): string | undefined {
  if (unenforced === undefined || unenforced.length === 0) return undefined
  const flags = unenforced.map((name) => `--${name}`)
  return `${flags.join(', ')} ${flags.length === 1 ? 'is' : 'are'} not enforced on this host`
}

/**
 * Returns the status with its remarks, for a table: `killed: SIGKILL (oom)`, `running (--memory not
 * enforced)`.
 */
export function summarizeRun(run: RunRemarks): string {
  const remarks = [
    ...(killReason(run) === undefined || run.status.endsWith(`: ${run.reason}`)
      ? []
      : [run.reason]),
    ...(run.unenforced ?? []).map((name) => `--${name} not enforced`),
  ]
  return remarks.length === 0 ? run.status : `${run.status} (${remarks.join(', ')})`
}
