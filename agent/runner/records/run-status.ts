/** What the runner tells about a run, and how the command line says it. */
import type { RunId } from '../../../shared/ids.ts'
import type { ContainmentKind, LimitName, RunRecord, RunState } from '../ground/run-state.ts'

export interface RunStatus {
  readonly run: RunId
  readonly state: RunState
  /** Shortened for display when it is long. */
  readonly command: readonly string[]
  readonly name?: string
  readonly user?: string
  /** 0 to 255. Absent when a signal ended it, or nobody saw it end. */
  readonly exitCode?: number
  /** Such as SIGTERM. */
  readonly signal?: string
  /**
   * `oom`, `timeout`, `runner died`, `reboot`, or for `failed to start` what the operating system
   * said.
   */
  readonly reason?: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt?: number
  /**
   * Of the main process; absent before it exists. Only for people: it may be used again by another
   * process later.
   */
  readonly pid?: number
  /** Bytes written so far, dropped ones included. */
  readonly outputBytes: { readonly stdout: number; readonly stderr: number }
  /** Bytes written but not kept: beyond the output limit, or while the disk was full. */
  readonly droppedBytes: number
  /**
   * No more output will be added. Comes a little after the end when a grandchild holds the output
   * open.
   */
  readonly outputEnded: boolean
  readonly limits: 'enforced' | 'weak'
  /** Those that were asked for and aren't enforced; absent if all are. */
  readonly unenforced?: readonly LimitName[]
  readonly containment: ContainmentKind | 'none'
  /** False: the runner that started it died. It can be stopped; its exit code will not be known. */
  readonly supervised: boolean
}

export function statusOf(record: RunRecord, outputEnded: boolean): RunStatus {
  const {
    run,
    state,
    command,
    name,
    user,
    exitCode,
    signal,
    reason,
    startedAt,
    endedAt,
    output,
    supervised,
  } = record
  return {
    run,
    state,
    command,
    ...(name === undefined ? {} : { name }),
    ...(user === undefined ? {} : { user }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(reason === undefined ? {} : { reason }),
    startedAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(record.process === undefined ? {} : { pid: record.process.pid }),
    outputBytes: { stdout: output.stdout, stderr: output.stderr },
    droppedBytes: output.dropped,
    outputEnded,
    limits: record.enforcement,
    ...(record.unenforced === undefined ? {} : { unenforced: record.unenforced }),
    containment: record.containment?.kind ?? 'none',
    supervised,
  }
}

/**
 * Longest shown: enough to recognise a command; a list of a thousand runs stays a few hundred
 * kilobytes.
 */
const SHOWN_ARGUMENTS = 32
const SHOWN_CHARS = 512

/** The command as lists show it; `…` stands where something was cut. */
export function shownCommand(command: readonly string[]): string[] {
  const shown = command
    .slice(0, SHOWN_ARGUMENTS)
    .map((part) =>
      part.length > SHOWN_CHARS ? `${part.slice(0, SHOWN_CHARS).toWellFormed()}…` : part,
    )
  return command.length > SHOWN_ARGUMENTS ? [...shown, '…'] : shown
}
