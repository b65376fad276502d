/**
 * Limits a host's reports about its runs to valid values. A report never changes runs of other
 * hosts, and never makes a row that a list can't show.
 */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { parseRfc3339 } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import type { RunId } from '../../shared/ids.ts'
import { GIB } from '../../shared/units.ts'

/** The maximum length of a reason, which is one line for a person. */
const MAX_REASON = 500
/** The maximum length of a word, such as a signal's name. */
const MAX_WORD = 64
/**
 * Larger than any output that a run may keep (protocols/control/verbs.ts). Both databases store the
 * sum of two such numbers exactly.
 */
const MAX_OUTPUT_BYTES = 1024 * 1024 * GIB

/** Returns the limited reports about the runs in `asked`. */
export function sanitizeRunStatuses(
  asked: Iterable<RunId>,
  reports: readonly RunStatusMessage[],
): Map<RunId, RunStatusMessage> {
  const expected = new Map<string, RunId>([...asked].map((run) => [run, run]))
  const statuses = new Map<RunId, RunStatusMessage>()
  for (const report of reports) {
    const run = expected.get(report.run)
    if (run !== undefined) statuses.set(run, sanitize(report))
  }
  return statuses
}

function sanitize(report: RunStatusMessage): RunStatusMessage {
  return defined({
    run: report.run,
    state: report.state,
    exitCode: report.exitCode,
    signal: text(report.signal, MAX_WORD),
    reason: text(report.reason, MAX_REASON),
    startedAt: time(report.startedAt),
    endedAt: time(report.endedAt),
    stdoutBytes: bytes(report.stdoutBytes),
    stderrBytes: bytes(report.stderrBytes),
    droppedBytes: bytes(report.droppedBytes),
    limits: text(report.limits, MAX_REASON),
    containment: text(report.containment, MAX_WORD),
    unenforced: report.unenforced,
  })
}

/** Replaces NUL, which PostgreSQL can't store. */
const text = (value: string | null, most: number): string | null =>
  value === null ? null : value.slice(0, most).toWellFormed().replaceAll('\0', '\uFFFD')
const time = (value: string | null): string | null =>
  value === null || Number.isNaN(parseRfc3339(value)) ? null : value
const bytes = (value: number): number => Math.min(Math.max(value, 0), MAX_OUTPUT_BYTES)
