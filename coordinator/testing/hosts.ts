/**
 * Simulates hosts for a coordinator. Each host serves the real protocols on a unix socket, with the
 * responses that the test gives. They may be false. There is no libp2p, and no agent checks
 * anything.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from '../../protocols/command/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { facts } from '../../protocols/facts/protocol.ts'
import { output } from '../../protocols/output/protocol.ts'
import { type Serve, serveProtocol } from '../../protocols/rpc/serve.ts'
import { dialSocket, serveSocket } from '../../protocols/rpc/socket.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { defineErrors } from '../../shared/errors.ts'
import type { NodeKey } from '../../shared/identity/signer.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { TEST_FLEET } from '../../shared/testing/statements.ts'
import { readSigned, type Signed, signStatement, type Unsigned } from '../../shared/trust/signed.ts'
import type { AgentRecord } from '../registry/agents.ts'

export const testHostError = defineErrors({
  'test-host.away': {
    exit: 'unreachable',
    message: (d: { peer: string }) => `${d.peer} is not connected`,
  },
})

export interface Answers {
  readonly command?: Partial<Handlers<typeof command>>
  readonly facts?: Partial<Handlers<typeof facts>>
  readonly output?: Handlers<typeof output>
}

export interface TestHosts extends AsyncDisposable {
  /** Opens a protocol like `MusterNode.open`. */
  open(peerId: string, protocolId: string, signal: AbortSignal): Promise<Duplex>
  /** Connects the host. It gives these responses from now on. */
  connect(host: Pick<AgentRecord, 'peerId'>, answers: Answers): Promise<void>
  disconnect(host: Pick<AgentRecord, 'peerId'>): void
  /** Returns the number of open streams to the host. */
  streams(host: Pick<AgentRecord, 'peerId'>): number
}

const absent = (): never => {
  throw testHostError('test-host.away', { peer: 'this method' })
}

export async function testHosts(clock: Clock): Promise<TestHosts> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'muster-hosts-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const sockets = new Map<string, string>()
  const counts = new Map<string, number>()
  const serving = {
    policy: { allow: async () => ({ kind: 'local', name: 'coordinator' }) as const },
    clock,
    log: recordedLog(),
  }
  // Owned by connect(): the number of sockets.
  let made = 0
  const owned = stack.move()

  return {
    async open(peerId, protocolId, signal) {
      const path = sockets.get(peerId)
      if (path === undefined) throw testHostError('test-host.away', { peer: peerId })
      const duplex = await dialSocket(path, protocolId, signal)
      const add = (change: number): void =>
        void counts.set(peerId, (counts.get(peerId) ?? 0) + change)
      add(1)
      let ended = false
      const end = (): void => {
        if (!ended) add(-1)
        ended = true
      }
      return {
        source: duplex.source,
        write: (...chunks) => duplex.write(...chunks),
        close: () => {
          end()
          return duplex.close()
        },
        abort: (reason) => {
          end()
          duplex.abort(reason)
        },
      }
    },
    async connect({ peerId }, answers) {
      const commands: Handlers<typeof command> = {
        position: async () => ({ size: 0, root: null, epoch: 0 }),
        learn: async () => ({ epoch: 0 }),
        perform: absent,
        status: async () => ({ runs: [] }),
        probe: absent,
        ...answers.command,
      }
      const protocols = new Map<string, Serve>([
        [command.id, serveProtocol(command, commands, serving)],
        [
          facts.id,
          serveProtocol(
            facts,
            { pull: absent, push: absent, report: absent, ...answers.facts },
            serving,
          ),
        ],
        [output.id, serveProtocol(output, answers.output ?? { read: absent }, serving)],
      ])
      made += 1
      const server = await serveSocket(serving, {
        path: join(folder, String(made), 's'),
        protocols,
      })
      owned.defer(() => server.close())
      sockets.set(peerId, server.path)
    },
    disconnect: ({ peerId }) => void sockets.delete(peerId),
    streams: ({ peerId }) => counts.get(peerId) ?? 0,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Signs the outcome of the intent as the host does, with some fields changed. */
export function outcomeBy(
  key: NodeKey,
  host: AgentRecord,
  intent: Signed,
  changes: Partial<Unsigned<'outcome'>> = {},
): Promise<Signed> {
  const { operation, verb, issuedAt } = readSigned(intent, 'intent')
  const body = {
    fleet: TEST_FLEET,
    operation,
    verb,
    target: host.id,
    result: 'done',
    detail: {},
    at: issuedAt,
  } as const
  return signStatement(key, 'outcome', { ...body, ...changes })
}

/** Returns a run's state as a host reports it. */
export const stateOf = (run: string, changes: object = {}) => ({
  run,
  state: 'running' as const,
  exitCode: null,
  signal: null,
  reason: null,
  startedAt: rfc3339(1_769_846_400_000),
  endedAt: null,
  stdoutBytes: 0,
  stderrBytes: 0,
  droppedBytes: 0,
  limits: null,
  containment: null,
  ...changes,
})
