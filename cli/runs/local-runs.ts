/**
 * Runs of the agent whose home it is, through the runner's unix socket. Whoever can open that
 * socket may start anything as the runner's user: no key is asked for, nothing stands in the log,
 * and no coordinator has to be there.
 */
import { outputRefusal } from '../../protocols/output/errors.ts'
import { runnerOrder } from '../../agent/commands/runner-order.ts'
import { statusMessage } from '../../agent/commands/status.ts'
import { readAgentIdentity } from '../../agent/home/identity.ts'
import { connectRunner } from '../../agent/runner/socket/client.ts'
import type { RunStatus } from '../../agent/runner/records/run-status.ts'
import { dispatchError } from '../../coordinator/dispatch/errors.ts'
import { hostOutcomeError } from '../../coordinator/outcomes/errors.ts'
import type { RunRow } from '../../protocols/control/messages.ts'
import { type RunId, runId, uuidv7Generator } from '../../shared/ids.ts'
import { candidateLine, isRunText } from '../../shared/run-text.ts'
import { isTerminal, unenforcedLimits, describeRun } from '../../shared/describe-run.ts'
import { matchesId } from '../../shared/short-id.ts'
import type { CommandContext } from '../program/handler.ts'
import { variablesOf } from './run-environment.ts'
import { orderOf } from './run-order.ts'
import type { Runs } from './runs.ts'

/** Bytes of one read. */
const PIECE_BYTES = 64 * 1024
/** Runs that an ambiguous text names: a terminal shows them at once. */
const MAX_CANDIDATES = 10

/** @throws agent.no-home, runner.* */
export async function openLocalRuns(context: CommandContext<unknown, unknown>): Promise<Runs> {
  const { clock, signal } = context
  const home = context.home()
  const agent = await readAgentIdentity(home)
  // One that is not there is started, as the agent would: it says what became of runs that a reboot
  // ended.
  const runner = await connectRunner({ clock }, { home, spawnIfAbsent: true, signal })
  const row = (status: RunStatus): RunRow => rowOf(status, agent)

  /** The run that an id, or a unique beginning or end of it, means. */
  const find = async (text: string): Promise<RunId> => {
    if (runId.is(text)) return text
    const wanted = text.toLowerCase()
    const found = isRunText(wanted)
      ? (await runner.list(signal)).filter(({ run }) => matchesId(run, wanted))
      : []
    if (found.length > 1)
      throw dispatchError('dispatch.ambiguous-run', {
        run: text,
        candidates: found.slice(0, MAX_CANDIDATES).map((status) => candidateLine(row(status))),
        more: found.length > MAX_CANDIDATES,
      })
    if (found[0] === undefined) throw dispatchError('dispatch.unknown-run')
    return found[0].run
  }
  const known = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      if (outputRefusal.is(error, 'runner.unknown-run'))
        throw dispatchError('dispatch.unknown-run', {}, { cause: error })
      throw error
    })

  return {
    async start(flags, command) {
      const run = runId.parse(uuidv7Generator(context)())
      const status = await runner.start(
        runnerOrder(run, orderOf(flags, command), variablesOf(flags.env, context.env)),
        signal,
      )
      if (status.state === 'failed to start')
        return {
          started: [],
          failure: hostOutcomeError('dispatch.failed', {
            host: agent.name,
            reason: status.reason ?? 'unknown',
          }),
        }
      const remark = unenforcedLimits(status)
      if (remark !== undefined) await context.stderr.write(`${agent.name}: ${remark}\n`)
      return {
        started: [{ agent: agent.id, host: agent.name, run: status.run }],
        failure: undefined,
      }
    },
    status: async (text) => row(await known(runner.status(await find(text), signal))),
    stop: async (text, options) => row(await known(runner.stop(await find(text), options, signal))),
    async output(options) {
      const run = await find(options.run)
      await known(runner.status(run, signal))
      const write = async (
        stream: 'stdout' | 'stderr',
        part: { bytes: Uint8Array; dropped: number },
      ): Promise<void> => {
        if (part.dropped > 0) await options.gap?.(stream, part.dropped)
        if (part.bytes.length > 0) await options[stream](part.bytes)
      }
      if (options.follow)
        for await (const part of runner.follow(run, {}, signal)) await write(part.stream, part)
      else
        for (const stream of ['stdout', 'stderr'] as const) {
          // What there is at this moment: a run that writes faster than it is read must not make
          // this endless.
          const { size } = await runner.read(run, stream, 0, 1, signal)
          for (let at = 0; at < size; ) {
            const part = await runner.read(
              run,
              stream,
              at,
              Math.min(PIECE_BYTES, size - at),
              signal,
            )
            await write(stream, part)
            if (part.bytes.length === 0) break
            at = part.offset + part.bytes.length
          }
        }
      return row(await runner.status(run, signal))
    },
    list: async ({ all }) =>
      (await runner.list(signal))
        .filter(({ state }) => all || !isTerminal(state))
        .reverse()
        .map(row),
  }
}

function rowOf(status: RunStatus, agent: { readonly id: string; readonly name: string }): RunRow {
  const { stdoutBytes, stderrBytes, containment: _, ...message } = statusMessage(status)
  return {
    ...message,
    host: agent.name,
    agent: agent.id,
    command: [...status.command],
    name: status.name ?? null,
    status: describeRun(message),
    outputBytes: stdoutBytes + stderrBytes,
    // The runner does not know on whose order it started a run.
    actor: '',
  }
}
