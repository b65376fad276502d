/**
 * Prints remarks on a run to stderr: the reason why it was killed, and the limits that are not
 * enforced.
 */
import type { OperateResponse } from '../../protocols/control/messages.ts'
import { unenforcedLimits, type RunRemarks, killReason } from '../../shared/describe-run.ts'
import type { CommandContext } from '../program/handler.ts'
import type { StartedRun } from './run-order.ts'
import { printable } from '../terminal/sink.ts'

type Context = Pick<CommandContext, 'stderr'>

/** Also prints with -q, because the user relies on the limits. */
const warn = (context: Context, text: string): Promise<void> =>
  context.stderr.write(`${printable(text)}\n`).catch(() => undefined)

/** Prints the remarks for a status that is on stdout. */
export async function remarkOn(context: Context, row: RunRemarks): Promise<void> {
  for (const remark of [killReason(row), unenforcedLimits(row)])
    if (remark !== undefined) await warn(context, remark)
}

/** Returns the status with its reason: `killed: SIGKILL: its memory limit was reached (oom)`. */
export function endWords(row: RunRemarks): string {
  const why = killReason(row)
  return why === undefined ? row.status : `${row.status}: ${why}`
}

/** Warns about each host whose signed outcome lists a limit that it can't enforce. */
export async function warnOfStarted(
  context: Context,
  runs: readonly StartedRun[],
  response: OperateResponse,
): Promise<void> {
  for (const run of runs) {
    const detail = response.results.find((row) => row.target === run.agent)?.detail
    const unenforced = limitsOf(detail?.['unenforced'])
    const remark = unenforcedLimits({ unenforced })
    if (remark !== undefined) await warn(context, `${run.host}: ${remark}`)
  }
}

const LIMITS = ['memory', 'pids', 'cpu']

/** Returns the names in `memory,cpu`. The text comes from the host, so other words are dropped. */
function limitsOf(value: unknown): string[] {
  return typeof value === 'string' ? value.split(',').filter((name) => LIMITS.includes(name)) : []
}
