/**
 * What a host's answer about its runs is worth. A host speaks for its own runs only, and what it
 * says is cut to what a run can honestly have: rows that no list could show, or states of other
 * hosts' runs, never get further than here.
 */
import type { RunStatusMessage } from '../../protocols/command/messages.ts'
import { parseRfc3339 } from '../../shared/clock.ts'
import type { RunId } from '../../shared/ids.ts'
import { GIB } from '../../shared/units.ts'

/** Of a reason: one line that a person reads. */
const MAX_REASON = 500
/** Of a word, such as a signal's name. */
const MAX_WORD = 64
/**
 * Larger than any output that a run may keep (protocols/control/verbs.ts), and two of them are
 * still a whole number to both databases.
 */
const MAX_OUTPUT_BYTES = 1024 * 1024 * GIB

/** The answers that are about the runs that were asked for. */
export function sanitizeRunStatuses(
  asked: Iterable<RunId>,
  answers: readonly RunStatusMessage[],
): Map<RunId, RunStatusMessage> {
  const expected = new Set<string>(asked)
  return new Map(
    answers
      .filter(({ run }) => expected.has(run))
      .map((answer) => [answer.run as RunId, cut(answer)]),
  )
}

function cut(answer: RunStatusMessage): RunStatusMessage {
  return {
    run: answer.run,
    state: answer.state,
    exitCode: answer.exitCode,
    signal: text(answer.signal, MAX_WORD),
    reason: text(answer.reason, MAX_REASON),
    startedAt: time(answer.startedAt),
    endedAt: time(answer.endedAt),
    stdoutBytes: bytes(answer.stdoutBytes),
    stderrBytes: bytes(answer.stderrBytes),
    droppedBytes: bytes(answer.droppedBytes),
    limits: text(answer.limits, MAX_REASON),
    containment: text(answer.containment, MAX_WORD),
    ...(answer.unenforced === undefined ? {} : { unenforced: answer.unenforced }),
  }
}

/** Without NUL, which PostgreSQL does not store. */
const text = (value: string | null, most: number): string | null =>
  value === null ? null : value.slice(0, most).toWellFormed().replaceAll('\0', '\uFFFD')
const time = (value: string | null): string | null =>
  value === null || Number.isNaN(parseRfc3339(value)) ? null : value
const bytes = (value: number): number => Math.min(Math.max(value, 0), MAX_OUTPUT_BYTES)
