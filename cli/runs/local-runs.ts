/**
 * Starts and reads runs of this home's agent through the runner's unix socket. This needs no key
 * and no coordinator, and is not logged. Every user who can open the socket can start processes as
 * the runner's user.
 */
import { outputRefusal } from '../../protocols/output/errors.ts'
import { runnerOrder } from '../../agent/commands/runner-order.ts'
import { statusMessage } from '../../agent/commands/status.ts'
import { readAgentIdentity } from '../../agent/home/identity.ts'
import { connectRunner, type RunnerClient } from '../../agent/runner/socket/client.ts'
import type { RunStatus } from '../../agent/runner/records/run-status.ts'
import { dispatchError } from '../../coordinator/dispatch/errors.ts'
import { hostOutcomeError } from '../../coordinator/outcomes/errors.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { type RunId, runId, uuidv7Generator } from '../../shared/ids.ts'
import { candidateLine, isRunText } from '../../shared/run-text.ts'
import { isTerminal, unenforcedLimits, describeRun } from '../../shared/describe-run.ts'
import { matchesId } from '../../shared/short-id.ts'
import type { CommandContext } from '../program/handler.ts'
import { copyOutput } from './local-output.ts'
import { variablesOf } from './run-environment.ts'
import type { RunFlags } from './run-flags.ts'
import { orderOf } from './run-order.ts'
import type { Runs, RunsStarted } from './runs.ts'

/** The number of runs that the error for an ambiguous id lists. */
const MAX_CANDIDATES = 10

type Context = CommandContext<unknown, unknown>
type Agent = Awaited<ReturnType<typeof readAgentIdentity>>

interface LocalHost {
  readonly agent: Agent
  readonly runner: RunnerClient
}

/** @throws agent.no-home, runner.* */
export async function openLocalRuns(context: Context): Promise<Runs> {
  const { clock, signal } = context
  const home = context.home()
  const agent = await readAgentIdentity(home)
  // A new runner reports the runs that a reboot ended.
  const runner = await connectRunner({ clock }, { home, spawnIfAbsent: true, signal })
  const host: LocalHost = { agent, runner }
  const find = (text: string): Promise<RunId> => findRun(host, text, signal)
  return {
    start: (flags, command) => startRun(context, host, flags, command),
    status: async (text) => rowOf(await known(runner.status(await find(text), signal)), agent),
    stop: async (text, options) =>
      rowOf(await known(runner.stop(await find(text), options, signal)), agent),
    async output(options) {
      const run = await find(options.run)
      await known(runner.status(run, signal))
      await copyOutput(runner, run, options, signal)
      return rowOf(await runner.status(run, signal), agent)
    },
    list: async ({ all }) =>
      (await runner.list(signal))
        .filter(({ state }) => all || !isTerminal(state))
        .reverse()
        .map((status) => rowOf(status, agent)),
  }
}

async function startRun(
  context: Context,
  { agent, runner }: LocalHost,
  flags: RunFlags,
  command: readonly string[],
): Promise<RunsStarted> {
  const run = runId.parse(uuidv7Generator(context)())
  const variables = variablesOf(flags.env, context.env)
  const order = runnerOrder(run, orderOf(flags, command), variables)
  const status = await runner.start(order, context.signal)
  if (status.state === 'failed to start') {
    const { reason = 'unknown' } = status
    return {
      started: [],
      failure: hostOutcomeError('dispatch.failed', { host: agent.name, reason }),
    }
  }
  const remark = unenforcedLimits(status)
  if (remark !== undefined) await context.stderr.write(`${agent.name}: ${remark}\n`)
  return {
    started: [{ agent: agent.id, host: agent.name, run: status.run }],
    failure: undefined,
  }
}

/**
 * Returns the run with this id, or with this unique beginning or end of its id.
 * @throws dispatch.unknown-run, dispatch.ambiguous-run
 */
async function findRun(
  { agent, runner }: LocalHost,
  text: string,
  signal: AbortSignal,
): Promise<RunId> {
  if (runId.is(text)) return text
  const wanted = text.toLowerCase()
  if (!isRunText(wanted)) throw dispatchError('dispatch.unknown-run')
  const found = (await runner.list(signal)).filter(({ run }) => matchesId(run, wanted))
  if (found.length > 1)
    throw dispatchError('dispatch.ambiguous-run', {
      run: text,
      candidates: found
        .slice(0, MAX_CANDIDATES)
        .map((status) => candidateLine(rowOf(status, agent))),
      more: found.length > MAX_CANDIDATES,
    })
  if (found[0] === undefined) throw dispatchError('dispatch.unknown-run')
  return found[0].run
}

/** Converts the runner's error for an unknown run to the error that a coordinator sends. */
function known<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (!outputRefusal.is(error, 'runner.unknown-run')) throw error
    throw dispatchError('dispatch.unknown-run', {}, { cause: error })
  })
}

function rowOf(status: RunStatus, agent: Agent): RunRow {
  const { stdoutBytes, stderrBytes, containment: _, ...message } = statusMessage(status)
  return {
    ...message,
    host: agent.name,
    agent: agent.id,
    command: [...status.command],
    name: status.name ?? null,
    status: describeRun(message),
    outputBytes: stdoutBytes + stderrBytes,
    // The runner doesn't store which operator signed the intent.
    actor: '',
  }
}
