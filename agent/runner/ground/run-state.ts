/**
 * The states of a run: a pure state machine. A run has one terminal state, which contains the first
 * cause of its end. After a stop, the state is `stopped` for any signal. After a timeout or above
 * its memory limit, the state is `killed` with that reason.
 */
import { defined } from '../../../shared/defined.ts'
import type { RunId } from '../../../shared/ids.ts'
import type { RunState } from '../../../shared/describe-run.ts'
import type { RunLimits } from './order.ts'

export type { RunState }
export type Stream = 'stdout' | 'stderr'
export const STREAMS: readonly Stream[] = ['stdout', 'stderr']

/** The reason why Muster itself ended a run. */
export type Cause = 'stop' | 'timeout' | 'oom'

/** Identifies one process. The kernel reuses pids, but not with the same start time and boot id. */
export interface ProcessIdentity {
  readonly bootId: string
  readonly pid: number
  /** Clock ticks from boot to the start of the process (proc_pid_stat(5), field 22). */
  readonly startTime: string
}

/** Limits that only control groups enforce. */
export type LimitName = 'memory' | 'pids' | 'cpu'
export const LIMIT_NAMES: readonly LimitName[] = ['memory', 'pids', 'cpu']

export type ContainmentKind = 'cgroup2' | 'cgroup1' | 'process group'

/** The data that a runner needs to find the processes of a run after another runner died. */
export interface ContainmentRecord {
  readonly kind: ContainmentKind
  /** The folder whose members are the run's processes. Absent for a process group. */
  readonly track?: string
  /** All folders of the run, including `track`. They are removed after it. */
  readonly folders: readonly string[]
  /** The folder that counts memory kills. Absent if there is no memory limit. */
  readonly memory?: string
}

/** The record of a run, in a file that is replaced atomically. */
export interface RunRecord {
  readonly format: 1
  readonly run: RunId
  /** The digest of the run definition. It is used to recognise a repeated start. */
  readonly digest: string
  /** The command for people. A long command is shortened. */
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
  /** `weak`: a requested limit isn't enforced, or processes can leave the containment. */
  readonly enforcement: 'enforced' | 'weak'
  /** The limits that aren't enforced. Absent if all are. */
  readonly unenforced?: readonly LimitName[]
  readonly cause?: Cause
  /**
   * False if the runner that started the run died. The run can be stopped, but its exit code is
   * lost.
   */
  readonly supervised: boolean
  readonly exitCode?: number
  readonly signal?: string
  readonly reason?: string
  /** The bytes that the run wrote, and how many of them were dropped. Final after the run's end. */
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
 * Returns the record after `event`. After the end of a run, only the count of its output changes.
 */
export function advance(record: RunRecord, event: RunEvent): RunRecord {
  if (event.type === 'output') return { ...record, output: event.output }
  if (hasEnded(record)) return record
  switch (event.type) {
    case 'launched': {
      const { type: _, ...launched } = event
      return { ...record, state: 'running', ...launched }
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
      // The cause was recorded before the first signal, so it is known without the exit status.
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
  const how = defined({ exitCode: code ?? undefined, signal: signal ?? undefined })
  if (cause === 'stop') return { state: 'stopped', ...how }
  if (cause !== undefined) return { state: 'killed', ...how, reason: cause }
  return { state: signal === null ? 'exited' : 'killed', ...how }
}
