/** Describes the state of a run, and the time since when its host doesn't respond. */
import type { RunRow } from '../../protocols/control/messages.ts'
import { type Clock, localTime } from '../../shared/clock.ts'

const DAY_MS = 86_400_000

/**
 * Returns `running`, `exited: 0`, or `running (web-1 offline since 12:03)` if the host doesn't
 * respond.
 */
export function runStatusWords(clock: Pick<Clock, 'now'>, row: RunRow, words = row.status): string {
  if (row.stale !== true) return words
  const { unreachableSince: since, host } = row
  const what = row.contact === 'silent' ? 'does not answer' : 'offline'
  if (since === null || since === undefined) return `${words} (${host} ${what})`
  const word = row.contact === 'silent' ? 'last seen' : 'since'
  const comma = row.contact === 'silent' ? ',' : ''
  return `${words} (${host} ${what}${comma} ${word} ${shortTime(clock, since)})`
}

/** Formats a time in the local time zone: `12:03` for today, `2026-11-30 12:03` for another day. */
function shortTime(clock: Pick<Clock, 'now'>, text: string): string {
  const at = Date.parse(text)
  const { day, time } = localTime(at)
  return Math.abs(clock.now() - at) < DAY_MS ? time : `${day} ${time}`
}
