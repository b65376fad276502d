/**
 * Starts, stops and reads runs on the fleet's hosts through the coordinator. The operator signs an
 * intent for each start and stop.
 */
import type { CommandContext } from '../program/handler.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { defined } from '../../shared/defined.ts'
import { deniedFor } from '../program/denied.ts'
import { failureOf } from '../session/results.ts'
import type { Started, StartedRun } from './run-order.ts'
import { startError, startRuns } from './start-runs.ts'
import { followRun } from './follow-run.ts'
import { readOutput } from './run-output.ts'
import { type Runs, runsError, type RunsStarted, type StopOptions } from './runs.ts'
import type { Session } from '../session/session.ts'

type Context = Pick<CommandContext, 'env' | 'random' | 'clock' | 'signal' | 'note' | 'stderr'>

export function remoteRuns(context: Context, session: Session): Runs {
  return {
    start: async (flags, command) => startedOf(await startRuns(context, session, flags, command)),
    status: (run) => session.ask('run.status', { run }),
    stop: (run, options) => stopRun(session, run, options),
    output: (options) =>
      options.follow ? followRun(context, session, options) : readOutput(session, options),
    list: (which) => listRuns(session, which),
  }
}

function startedOf({ runs, response }: Started): RunsStarted {
  const done = new Set(
    response.results.filter((row) => row.result === 'done').map((row) => row.target),
  )
  const runOf = (target: string): StartedRun =>
    runs.find((run) => run.agent === target) ?? { agent: target, host: target, run: target }
  return {
    started: runs.filter((run) => done.has(run.agent)),
    failure: failureOf(
      response,
      (target) => runOf(target).host,
      (row) => startError(row, runOf(row.target)),
    ),
  }
}

async function stopRun(session: Session, text: string, options: StopOptions): Promise<RunRow> {
  const row = await session
    .ask('run.status', { run: text })
    .catch((error: unknown) => Promise.reject(deniedFor(error, { level: 'control' })))
  const response = await session.operate({
    verb: 'run.stop',
    targets: [row.agent],
    arguments: { run: row.run, ...options },
  })
  const failure = failureOf(response, () => row.host)
  if (failure === undefined) return row
  // If the host has no record of the run, the coordinator's status has the reason.
  const now = await session.ask('run.status', { run: row.run })
  if (now.state !== 'lost') throw failure
  throw runsError('runs.lost', { run: now.run, status: now.status }, { cause: failure })
}

async function listRuns(
  session: Session,
  { on, all }: Parameters<Runs['list']>[0],
): Promise<readonly RunRow[]> {
  const rows: RunRow[] = []
  const hosts = on.length === 0 ? undefined : [...on]
  for (let after: string | undefined; ; ) {
    const page = await session
      .ask('run.list', defined({ all, on: hosts, after }))
      .catch((error: unknown) =>
        Promise.reject(hosts === undefined ? deniedFor(error, { all: true }) : error),
      )
    rows.push(...page.runs)
    if (page.next === undefined) return rows
    after = page.next
  }
}
