/**
 * What a run is and becomes: a pure state machine. A run has one terminal state, and the first
 * cause of its end is the one that is told: after a stop was asked for it is `stopped` whatever
 * signal ended it; after its time was up or its memory passed the limit it is `killed` for that
 * reason.
 */
import type { RunId } from '../../../shared/ids.ts'
import type { RunState } from '../../../shared/describe-run.ts'
import type { RunLimits } from './order.ts'

export type { RunState }
export type Stream = 'stdout' | 'stderr'
export const STREAMS: readonly Stream[] = ['stdout', 'stderr']

/** Why Muster itself ended a run. */
export type Cause = 'stop' | 'timeout' | 'oom'

/** Names one process for good: ids are used again, these three together are not. */
export interface ProcessIdentity {
  readonly bootId: string
  readonly pid: number
  /**
   * Clock ticks from boot to the process's start (proc_pid_stat(5), field 22). An exec keeps it.
   */
  readonly startTime: string
}

/** Limits that only control groups enforce. */
export type LimitName = 'memory' | 'pids' | 'cpu'
export const LIMIT_NAMES: readonly LimitName[] = ['memory', 'pids', 'cpu']

export type ContainmentKind = 'cgroup2' | 'cgroup1' | 'process group'

/** Enough to find a run's processes again after the runner's own death. */
export interface ContainmentRecord {
  readonly kind: ContainmentKind
  /** The folder whose members are the run's processes; absent for a process group. */
  readonly track?: string
  /** All folders made for the run, `track` among them, to be removed after it. */
  readonly folders: readonly string[]
  /** Where memory kills are counted; absent without a memory limit. */
  readonly memory?: string
}

/** The record of a run, kept as one file and replaced whole. */
export interface RunRecord {
  readonly format: 1
  readonly run: RunId
  /** Digest of the order: tells a repetition from a mistake. */
  readonly digest: string
  /** For people: shortened when it is long. */
  readonly command: readonly string[]
  readonly name?: string
  readonly user?: string
  readonly limits: RunLimits
  readonly state: RunState
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt?: number
  readonly process?: ProcessIdentity
  readonly containment?: ContainmentRecord
  /** `weak`: a limit that was asked for isn't enforced, or processes can leave the containment. */
  readonly enforcement: 'enforced' | 'weak'
  /** The limits that aren't; absent if all are. */
  readonly unenforced?: readonly LimitName[]
  readonly cause?: Cause
  /**
   * False once the runner that started it died: it can be stopped, but nobody can wait for its exit
   * code.
   */
  readonly supervised: boolean
  readonly exitCode?: number
  readonly signal?: string
  readonly reason?: string
  /** Bytes that it wrote, and how many of them were not kept. Final once it ended. */
  readonly output: OutputCount
}

export interface OutputCount {
  readonly stdout: number
  readonly stderr: number
  readonly dropped: number
}

export type RunEvent =
  | {
      readonly type: 'launched'
      readonly process: ProcessIdentity
      readonly containment: ContainmentRecord
      readonly enforcement: 'enforced' | 'weak'
      readonly unenforced?: readonly LimitName[]
    }
  | { readonly type: 'ended by us'; readonly cause: Cause }
  | { readonly type: 'refused'; readonly reason: string; readonly at: number }
  | {
      readonly type: 'exited'
      readonly code: number | null
      readonly signal: string | null
      readonly oom: boolean
      readonly at: number
    }
  | { readonly type: 'orphaned' }
  | { readonly type: 'vanished'; readonly at: number }
  | { readonly type: 'rebooted'; readonly at: number }
  | { readonly type: 'output'; readonly output: OutputCount }

export function hasEnded(record: Pick<RunRecord, 'state'>): boolean {
  return record.state !== 'starting' && record.state !== 'running'
}

/**
 * The record after `event`. Of a run that has ended, only the count of its output still changes.
 */
export function advance(record: RunRecord, event: RunEvent): RunRecord {
  if (event.type === 'output') return { ...record, output: event.output }
  if (hasEnded(record)) return record
  switch (event.type) {
    case 'launched':
      return {
        ...record,
        state: 'running',
        process: event.process,
        containment: event.containment,
        enforcement: event.enforcement,
        ...(event.unenforced === undefined ? {} : { unenforced: event.unenforced }),
      }
    case 'ended by us':
      return record.cause === undefined ? { ...record, cause: event.cause } : record
    case 'refused':
      return { ...record, state: 'failed to start', reason: event.reason, endedAt: event.at }
    case 'exited':
      return {
        ...record,
        ...exit(record.cause ?? (event.oom ? 'oom' : undefined), event.code, event.signal),
        endedAt: event.at,
      }
    case 'orphaned':
      return { ...record, state: 'running', supervised: false }
    case 'vanished':
      // The request was written down before the first signal, so its effect is known even if nobody
      // waited for it.
      if (record.cause !== undefined)
        return { ...record, ...exit(record.cause, null, null), endedAt: event.at }
      return { ...record, state: 'lost', reason: 'runner died', endedAt: event.at }
    case 'rebooted':
      return { ...record, state: 'lost', reason: 'reboot', endedAt: event.at }
    default:
      return event satisfies never
  }
}

function exit(
  cause: Cause | undefined,
  code: number | null,
  signal: string | null,
): Pick<RunRecord, 'state' | 'exitCode' | 'signal' | 'reason'> {
  const how = {
    ...(code === null ? {} : { exitCode: code }),
    ...(signal === null ? {} : { signal }),
  }
  if (cause === 'stop') return { state: 'stopped', ...how }
  if (cause !== undefined) return { state: 'killed', ...how, reason: cause }
  return { state: signal === null ? 'exited' : 'killed', ...how }
}
