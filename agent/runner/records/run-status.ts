/** The status of a run as the runner reports it. */
import { defined } from '../../../shared/defined.ts'
import type { RunId } from '../../../shared/ids.ts'
import type { ContainmentKind, LimitName, RunRecord, RunState } from '../ground/run-state.ts'

export interface RunStatus {
  readonly run: RunId
  readonly state: RunState
  /** The command. A long one is shortened. */
  readonly command: readonly string[]
  readonly name?: string
  readonly user?: string
  /** The exit code from 0 to 255. Absent if a signal ended the run, or if the end is unknown. */
  readonly exitCode?: number
  /** A name such as SIGTERM. */
  readonly signal?: string
  /** `oom`, `timeout`, `runner died`, `reboot`, or the system's error for `failed to start`. */
  readonly reason?: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt?: number
  /**
   * The pid of the main process, for people. It is absent before the process exists. The kernel may
   * reuse it.
   */
  readonly pid?: number
  /** The number of bytes written so far, including dropped ones. */
  readonly outputBytes: { readonly stdout: number; readonly stderr: number }
  /** The number of bytes that were dropped: above the output limit, or while the disk was full. */
  readonly droppedBytes: number
  /**
   * True if no more output will be added. If a grandchild has the pipes open, this is after the end
   * of the run.
   */
  readonly outputEnded: boolean
  readonly limits: 'enforced' | 'weak'
  /** Requested limits that aren't enforced. Absent if all are. */
  readonly unenforced?: readonly LimitName[]
  readonly containment: ContainmentKind | 'none'
  /**
   * False if the runner that started the run died. The run can be stopped, but its exit code is
   * lost.
   */
  readonly supervised: boolean
}

export function statusOf(record: RunRecord, outputEnded: boolean): RunStatus {
  const { output } = record
  const containment: RunStatus['containment'] = record.containment?.kind ?? 'none'
  return defined({
    run: record.run,
    state: record.state,
    command: record.command,
    name: record.name,
    user: record.user,
    exitCode: record.exitCode,
    signal: record.signal,
    reason: record.reason,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    pid: record.process?.pid,
    outputBytes: { stdout: output.stdout, stderr: output.stderr },
    droppedBytes: output.dropped,
    outputEnded,
    limits: record.enforcement,
    unenforced: record.unenforced,
    containment,
    supervised: record.supervised,
  })
}

/** This is enough to recognise a command. A list of a thousand runs has a few hundred kilobytes. */
const SHOWN_ARGUMENTS = 32
const SHOWN_CHARS = 512

/** Shortens a command for lists. `…` marks the cut. */
export function shownCommand(command: readonly string[]): string[] {
  const shown = command
    .slice(0, SHOWN_ARGUMENTS)
    .map((part) =>
      part.length > SHOWN_CHARS ? `${part.slice(0, SHOWN_CHARS).toWellFormed()}…` : part,
    )
  return command.length > SHOWN_ARGUMENTS ? [...shown, '…'] : shown
}
