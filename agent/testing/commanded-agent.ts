/**
 * The agent's command protocol on a real socket, with a real runner. After a restart, the agent
 * reads its journal and its trust state again. It doesn't check who may send intents.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { command } from '../../protocols/command/protocol.ts'
import { serveProtocol } from '../../protocols/rpc/serve.ts'
import { dialSocket, serveSocket } from '../../protocols/rpc/socket.ts'
import { systemRandom } from '../../shared/random.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { TEST_AGENT, TEST_FLEET } from '../../shared/testing/statements.ts'
import type { Outcome } from '../../shared/trust/outcome.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import { type CommandDeps, commandHandlers } from '../handlers/command.ts'
import { openJournal } from '../commands/journal.ts'
import { openRunnerHome, type RunnerHome } from '../runner/testing/runner-home.ts'
import {
  hostKey,
  joinedTrust,
  LABELS,
  requestFor,
  type TestClock,
  testClock,
  type TestLog,
  testLog,
} from './coordinator-stand-in.ts'

type CommandHandlers = ReturnType<typeof commandHandlers>

export interface CommandedAgent {
  /** The folder of the journal and the other state. */
  readonly folder: string
  readonly client: Client<typeof command>
  readonly clock: TestClock
  readonly log: TestLog
  readonly runner: RunnerHome
  readonly handlers: CommandHandlers
  /** Returns the handlers of a restarted agent, with the same disk and nothing in memory. */
  again(change?: (deps: CommandDeps) => Partial<CommandDeps>): Promise<CommandHandlers>
  /** Logs the intent. The request has proofs from the position that the host reports. */
  deliver(intent: Signed): Promise<PerformRequest>
}

export async function commandedAgent(
  t: TestContext,
  change: (deps: CommandDeps) => Partial<CommandDeps> = () => ({}),
): Promise<CommandedAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-commands-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const runner = await openRunnerHome()
  t.after(() => runner[Symbol.asyncDispose]())
  const clock = testClock()
  const trust = await joinedTrust(t)
  const again: CommandedAgent['again'] = async (more = () => ({})) => {
    const deps: CommandDeps = {
      trust: await trust.again(),
      journal: await openJournal(
        { clock, random: systemRandom },
        { folder: join(folder, 'journal') },
      ),
      runner: runner.client,
      key: hostKey,
      clock,
      log: recordedLog(),
      fleet: TEST_FLEET,
      agent: TEST_AGENT,
      labels: () => LABELS,
    }
    return commandHandlers({ ...deps, ...more(deps) })
  }
  const handlers = await again(change)
  const policy = { allow: async () => ({ kind: 'local', name: 'coordinator' }) as const }
  const serve = serveProtocol(command, handlers, { policy, clock, log: recordedLog() })
  const path = join(folder, 's', 'socket')
  const server = await serveSocket(
    { clock, log: recordedLog() },
    { path, protocols: new Map([[command.id, serve]]) },
  )
  const client = openClient(command, await dialSocket(path, command.id), { clock })
  t.after(async () => {
    await client.close().catch(() => undefined)
    await server.close()
  })
  const log = testLog()
  return {
    folder,
    client,
    clock,
    log,
    runner,
    handlers,
    again,
    deliver: async (intent) =>
      requestFor(log, intent, { from: (await client.call('position', {})).size }),
  }
}

/**
 * Reads the outcome as a coordinator does. The host must have signed it for exactly this intent.
 */
export function readOutcome(outcome: Signed, intent: Signed): Outcome {
  assert.deepEqual(Buffer.from(outcome.key), Buffer.from(hostKey.publicKey))
  const body = readSigned(outcome, 'outcome', { fleet: TEST_FLEET })
  assert.equal(body.target, TEST_AGENT)
  assert.equal(body.detail['intent'], createHash('sha256').update(intent.statement).digest('hex'))
  return body
}

export const assertSame = (a: Signed, b: Signed): void =>
  assert.equal(Buffer.from(a.statement).toString(), Buffer.from(b.statement).toString())
export const call = (handlers: CommandHandlers, request: PerformRequest) =>
  handlers.perform(request, undefined as never)
export const probe = (handlers: CommandHandlers, intent: Signed) =>
  handlers.probe({ intent }, undefined as never)
