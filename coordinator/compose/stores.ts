/**
 * Opens the storage of a coordinator: its home, keys, database, pool and log. It opens the home's
 * socket first. So a second coordinator on the same home ends before it changes any data.
 */
import { join } from 'node:path'
import { control } from '../../protocols/control/protocol.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { serveSocket } from '../../protocols/rpc/socket.ts'
import type { StartGate } from '../../protocols/rpc/starting.ts'
import { openPool, type Pool } from '../../shared/blobs/pool.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config/schema.ts'
import { coordinatorPaths } from '../../shared/home.ts'
import { loadKeyFile } from '../../shared/identity/key-file.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { GIB } from '../../shared/units.ts'
import { type Ledger, openLedger } from '../audit/ledger.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { migrate } from '../database/migrate.ts'
import { type CoordinatorIdentity, readCoordinatorIdentity } from '../home/identity.ts'

/** The free space that the pool leaves on its volume for the database and the log (CA-10). */
const RESERVE_BYTES = 1 * GIB

/** The dependencies of every part of a coordinator. */
export interface CoordinatorDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

type Key = Awaited<ReturnType<typeof loadKeyFile>>

export interface Stores {
  readonly identity: CoordinatorIdentity
  /** The key of the node's peer id. */
  readonly nodeKey: Key
  /** The key that signs certificates, outcomes and the log. */
  readonly issuer: Key
  readonly database: Database
  readonly pool: Pool
  readonly ledger: Ledger
  /** The folders that this coordinator writes to: its home and the content. */
  readonly folders: readonly string[]
  /** Ends every connection of the home's socket. */
  closeSocket(): Promise<void>
}

/** The start gates of the protocols on the home's socket. Callers wait until a gate opens. */
export interface Gates {
  readonly control: StartGate
  readonly local: StartGate
}

export async function composeStores(
  deps: CoordinatorDeps,
  options: { readonly home: string; readonly config: Config; readonly gates: Gates },
  scope: AsyncDisposableStack,
): Promise<Stores> {
  const { config, gates } = options
  const paths = coordinatorPaths(options.home)
  const identity = await readCoordinatorIdentity(options.home)
  const protocols = new Map([
    [control.id, gates.control.serve(paths.socket)],
    [localProtocol.id, gates.local.serve(paths.socket)],
  ])
  const socket = await serveSocket(deps, { path: paths.socket, protocols })
  let closed: Promise<void> | undefined
  const closeSocket = (): Promise<void> => (closed ??= socket.close())
  scope.defer(closeSocket)
  const nodeKey = await loadKeyFile(paths.nodeKey)
  const issuer = await loadKeyFile(paths.issuingKey)
  const database = await openDatabase(deps, { url: config.database.url })
  scope.defer(() => database.close())
  const { applied } = await migrate(database)
  if (applied.length > 0) deps.log.info({ applied }, 'database migrated')
  const folder = join(config.storage.base_path, 'pool')
  const pool = await openPool(deps, { folder, reserveBytes: RESERVE_BYTES })
  const ledger = await openLedger(
    { ...deps, database, signer: issuer },
    { fleet: identity.fleet, coordinator: identity.name, folder: paths.log },
  )
  const folders = [options.home, config.storage.base_path]
  return { identity, nodeKey, issuer, database, pool, ledger, folders, closeSocket }
}
