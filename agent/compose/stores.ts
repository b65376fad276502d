/**
 * Opens an agent's home, key, trust state, pool and journals, and connects to its runner. The home
 * is locked and its socket is taken before anything else is opened.
 */
import { join } from 'node:path'
import { openTrustState, type TrustState } from '../../node/membership/trust-state.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { serveSocket } from '../../protocols/rpc/socket.ts'
import type { StartGate } from '../../protocols/rpc/starting.ts'
import { openPool, type Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config/schema.ts'
import { defined } from '../../shared/defined.ts'
import { agentPaths } from '../../shared/home.ts'
import { loadKeyFile } from '../../shared/identity/key-file.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'
import { type Journal as CommandJournal, openJournal } from '../commands/journal.ts'
import { type CollectionStore, openCollectionStore } from '../facts/collection-store.ts'
import { type Journal as FactJournal, openJournal as openFactJournal } from '../facts/journal.ts'
import { type AgentIdentity, readAgentIdentity } from '../home/identity.ts'
import { lockHome } from '../home/lock.ts'
import { connectRunner, type RunnerClient } from '../runner/socket/client.ts'

/** The pool must not fill the volume, because other programs of the host use it. */
const RESERVE_BYTES = 512 * MIB
/**
 * The longest wait for the lock of the home. `muster agent facts --once` holds the lock for a
 * shorter time.
 */
const LOCK_PATIENCE_MS = 30_000

export interface AgentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface Stores {
  readonly home: string
  readonly identity: AgentIdentity
  readonly key: Awaited<ReturnType<typeof loadKeyFile>>
  readonly trust: TrustState
  readonly pool: Pool
  readonly runner: RunnerClient
  readonly intents: CommandJournal
  readonly facts: FactJournal
  readonly collections: CollectionStore
  /** The only folder in which collectors may write. */
  readonly scratch: string
  /** Ends every connection of the home's socket. */
  closeSocket(): Promise<void>
}

/** @param working aborts when the agent ends */
export async function composeStores(
  deps: AgentDeps,
  options: { readonly home: string; readonly config: Config; readonly gate: StartGate },
  working: AbortSignal,
  scope: AsyncDisposableStack,
): Promise<Stores> {
  const { clock } = deps
  const { home, config, gate } = options
  const paths = agentPaths(home)
  const identity = await readAgentIdentity(home)
  // A second agent on this home must be rejected before it opens the journals of the first one.
  const lock = await lockHome(deps, { home, patienceMs: LOCK_PATIENCE_MS, signal: working })
  scope.defer(() => lock.release())
  const protocols = new Map([[localProtocol.id, gate.serve(paths.socket)]])
  const socket = await serveSocket(deps, { path: paths.socket, protocols })
  let closed: Promise<void> | undefined
  const closeSocket = (): Promise<void> => (closed ??= socket.close())
  scope.defer(closeSocket)
  const key = await loadKeyFile(paths.nodeKey)
  const { fleet, root: rootDigest } = identity
  const trust = await openTrustState(deps, { folder: paths.trust, fleet, rootDigest })
  const folder = join(config.storage.base_path, 'pool')
  const pool = await openPool(deps, { folder, reserveBytes: RESERVE_BYTES })
  const { keep: runs, keep_bytes: bytes, keep_days: days } = config.runs
  const keep = defined({ runs, bytes, days })
  const runner = await connectRunner(
    { clock },
    { home, spawnIfAbsent: true, keep, signal: working },
  )
  const intents = await openJournal(deps, { folder: paths.commands })
  const facts = await openFactJournal(deps, { folder: paths.facts })
  scope.defer(() => facts.close())
  const collections = await openCollectionStore(deps, { folder: paths.facts })
  const scratch = paths.facts
  return {
    home,
    identity,
    key,
    trust,
    pool,
    runner,
    intents,
    facts,
    collections,
    scratch,
    closeSocket,
  }
}
