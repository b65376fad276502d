/**
 * Starts runs on hosts for `process start` and `run`. After a lost connection the same signed
 * intent is sent again, but the coordinator carries it out once. An error lists the runs that may
 * have started.
 */
import { deniedFor } from '../program/denied.ts'
import type { OperateResponse, OperateResult } from '../../protocols/control/messages.ts'
import { defineErrors, type MusterError } from '../../shared/errors.ts'
import { formatDuration } from '../../shared/units.ts'
import type { CommandContext } from '../program/handler.ts'
import { withPatience } from '../session/patience.ts'
import { errorOf, reasonOfUnknown } from '../session/results.ts'
import type { RunFlags } from './run-flags.ts'
import { orderOf, type Started, type StartedRun } from './run-order.ts'
import type { Session } from '../session/session.ts'

export const orderError = defineErrors({
  'order.unconfirmed': {
    exit: 'unreachable',
    message: (d: { runs: readonly string[]; first: string; waited: string; reason: string }) =>
      [`unknown for ${d.waited} whether this started: ${d.reason}`, ...d.runs].join('\n'),
    hint: (d: { first: string }) =>
      `run \`muster process status ${d.first}\` when the coordinator answers again`,
  },
  'order.not-confirmed': {
    exit: 'unreachable',
    message: (d: { run: string; host: string; reason: string }) =>
      `${d.host} has not confirmed run ${d.run}, which may have started: ${d.reason}`,
    hint: (d: { run: string; host: string }) =>
      `run \`muster process status ${d.run}\` when ${d.host} answers again`,
  },
})

type Context = Pick<CommandContext, 'env' | 'random' | 'clock' | 'signal' | 'note' | 'stderr'>

/** Signs one intent for all hosts and sends it. */
export async function startRuns(
  context: Context,
  session: Session,
  flags: RunFlags,
  command: readonly string[],
): Promise<Started> {
  const [{ sealEnvironment }, { checkOrder }, { warnOfStarted }] = await Promise.all([
    import('./run-environment.ts'),
    import('./check-order.ts'),
    import('./run-remarks.ts'),
  ])
  const { env, values } = sealEnvironment(context, flags.env, context.env)
  const checked = { ...checkOrder(orderOf(flags, command)), env }
  const { agents } = await session
    .ask('target.resolve', { on: [...flags.on] })
    .catch((error: unknown) => Promise.reject(deniedFor(error, { level: 'control' })))
  const runs = agents.map((agent) => ({ agent: agent.id, host: agent.name, run: session.newId() }))
  const intent = await session.sign({
    verb: 'run.start',
    targets: runs.map((run) => run.agent),
    arguments: { ...checked, runs: Object.fromEntries(runs.map((run) => [run.agent, run.run])) },
  })
  const response = await performPatiently(context, session, runs, (own) =>
    own.perform(intent, { values }),
  )
  await warnOfStarted(context, runs, response)
  return { runs, response }
}

/**
 * Sends an intent again after a lost connection. The coordinator carries it out once and returns
 * the same outcome to each attempt. @throws order.unconfirmed
 */
function performPatiently(
  { clock, signal, note }: Context,
  session: Session,
  runs: readonly StartedRun[],
  send: (session: Session) => Promise<OperateResponse>,
): Promise<OperateResponse> {
  return withPatience(
    {
      clock,
      signal,
      progress: () => 0,
      waiting: ({ message }) => note(`${message}; sending the intent again`),
      givenUp: (error, waitedMs) => unconfirmed(runs, error, waitedMs),
    },
    (attempt) => (attempt === 1 ? send(session) : session.another(send)),
  )
}

function unconfirmed(
  runs: readonly StartedRun[],
  cause: MusterError,
  waitedMs: number,
): MusterError {
  return orderError(
    'order.unconfirmed',
    {
      runs: runs.map(({ run, host }) => `${run} on ${host}`),
      first: runs[0]?.run ?? '',
      waited: formatDuration(waitedMs),
      reason: cause.message,
    },
    { cause },
  )
}

/** Returns the error for a run that was not started or that its host has not confirmed. */
export function startError(row: OperateResult, { run, host }: StartedRun): MusterError {
  if (row.result !== 'unknown') return errorOf(row, host)
  return orderError('order.not-confirmed', { run, host, reason: reasonOfUnknown(row) })
}
