/**
 * Starts runs on their hosts, for `process start` and `run`. The signed order is sent again after a
 * lost connection: it is performed once. An error names the runs that it may have started.
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
      [`it is not known whether this started, since ${d.waited}: ${d.reason}`, ...d.runs].join(
        '\n',
      ),
    hint: (d: { first: string }) =>
      `muster process status ${d.first} shows it once the coordinator answers`,
  },
  'order.not-confirmed': {
    exit: 'unreachable',
    message: (d: { run: string; host: string; reason: string }) =>
      `${d.host} has not confirmed run ${d.run}, which may have started: ${d.reason}`,
    hint: (d: { run: string; host: string }) =>
      `muster process status ${d.run} shows what became of it once ${d.host} answers`,
  },
})

/** Signs one intent for all hosts and has it performed. */
export async function startRuns(
  context: Pick<CommandContext, 'env' | 'random' | 'clock' | 'signal' | 'note' | 'stderr'>,
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
  const order = { ...checkOrder(orderOf(flags, command)), env }
  const { agents } = await session
    .ask('target.resolve', { on: [...flags.on] })
    .catch((error: unknown) => Promise.reject(deniedFor(error, { level: 'control' })))
  const runs = agents.map((agent) => ({ agent: agent.id, host: agent.name, run: session.newId() }))
  const intent = await session.sign({
    verb: 'run.start',
    targets: runs.map((run) => run.agent),
    arguments: { ...order, runs: Object.fromEntries(runs.map((run) => [run.agent, run.run])) },
  })
  const send = (own: Session): Promise<OperateResponse> => own.perform(intent, { values })
  const response = await withPatience(
    {
      clock: context.clock,
      signal: context.signal,
      progress: () => 0,
      waiting: ({ message }) => context.note(`${message}; asking again what became of the order`),
      givenUp: (error, waitedMs) =>
        orderError(
          'order.unconfirmed',
          {
            runs: runs.map(({ run, host }) => `${run} on ${host}`),
            first: runs[0]?.run ?? '',
            waited: formatDuration(waitedMs),
            reason: error.message,
          },
          { cause: error },
        ),
    },
    // The same intent: it is performed once, and each further attempt gets what became of it.
    (attempt) => (attempt === 1 ? send(session) : session.another(send)),
  )
  await warnOfStarted(context, runs, response)
  return { runs, response }
}

/** The error of a run that was not started, or of which the host has not said so. */
export function startError(row: OperateResult, { run, host }: StartedRun): MusterError {
  if (row.result !== 'unknown') return errorOf(row, host)
  return orderError('order.not-confirmed', { run, host, reason: reasonOfUnknown(row) })
}
