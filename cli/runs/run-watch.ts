/** Follows started runs to their end and computes the exit code. */
import type { RunRow } from '../../protocols/control/messages.ts'
import { runExitCode } from '../../shared/describe-run.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { concurrently } from '../../shared/concurrency/concurrently.ts'
import { MusterError } from '../../shared/errors.ts'
import type { CommandContext } from '../program/handler.ts'
import { failureLine } from '../session/results.ts'
import { followError, followRun } from './follow-run.ts'
import { gapNote, plainWriter, prefixedWriter } from './run-output.ts'
import { printable } from '../terminal/sink.ts'
import { endWords } from './run-remarks.ts'
import type { Started, StartedRun } from './run-order.ts'
import { startError } from './start-runs.ts'
import type { Session } from '../session/session.ts'

type Context = CommandContext<{ readonly raw: boolean }, unknown>

/** Follows a run on one host, prints the output unchanged and returns the remote exit code. */
export async function watchOne(
  context: Context,
  session: Session,
  started: Started,
): Promise<number> {
  const [run] = started.runs
  const [result] = started.response.results
  if (run === undefined || result === undefined)
    throw new Error('the coordinator returned no result')
  if (result.result !== 'done') {
    const error = startError(result, run)
    // The program never ran, so Muster chooses the exit code. A denial keeps exit code 4.
    if (error.exit === 'denied') throw error
    await context.report(error)
    return EXIT.ownFailure
  }
  const row = await followRun(context, session, {
    run: run.run,
    follow: true,
    stdout: plainWriter(context.stdout, context.flags),
    stderr: plainWriter(context.stderr, context.flags),
    gap: gapNote(context),
  }).catch((error: unknown) => {
    // Exit code 7 could be the exit code of the program.
    if (followError.is(error)) return error
    throw error
  })
  if (row instanceof MusterError) {
    await context.report(row)
    return EXIT.ownFailure
  }
  if (row.state !== 'exited') await context.note(`${run.host}: ${endWords(row)}`)
  return remoteExitCode(row)
}

/**
 * Follows runs on several hosts and prefixes lines with the host. Returns 0 only if all exited with
 * 0.
 */
export async function watchMany(
  context: Context,
  session: Session,
  started: Started,
): Promise<number> {
  const failures: string[] = []
  const confirmed = started.runs.filter((run) => {
    const result = started.response.results.find((row) => row.target === run.agent)
    if (result?.result === 'done') return true
    failures.push(
      result ? failureLine(run.host, startError(result, run)) : `${run.host}: no result`,
    )
    return false
  })
  // The calls of one session run one after another, so each run gets its own session.
  await concurrently(confirmed, confirmed.length, async (run) => {
    try {
      const row = await watch(context, session, run)
      if (row.state !== 'exited' || row.exitCode !== 0)
        failures.push(`${run.host}: ${endWords(row)}`)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof MusterError)) throw error
      // The command continues to follow the other hosts.
      failures.push(failureLine(run.host, error))
    }
  })
  // The host chooses the text of a reason, so it is made printable.
  for (const line of failures) await context.stderr.write(`${printable(line)}\n`)
  if (failures.length > 0)
    await context.note(`${failures.length} of ${started.runs.length} hosts failed`)
  return failures.length === 0 ? EXIT.done : EXIT.partly
}

async function watch(context: Context, session: Session, run: StartedRun): Promise<RunRow> {
  const out = prefixedWriter(context.stdout, run.host, context.flags)
  const err = prefixedWriter(context.stderr, run.host, context.flags)
  try {
    return await session.another((own) =>
      followRun(context, own, {
        run: run.run,
        follow: true,
        stdout: out.write,
        stderr: err.write,
        gap: gapNote(context, `${run.host}: `),
      }),
    )
  } finally {
    await out.end()
    await err.end()
  }
}

export function remoteExitCode(row: RunRow): number {
  // An older coordinator sends no reason. If there is no signal, its status contains the reason.
  const reason = row.reason ?? /^killed: ([a-z]+)$/.exec(row.status)?.[1]
  return runExitCode({ state: row.state, exitCode: row.exitCode, signal: row.signal, reason })
}
