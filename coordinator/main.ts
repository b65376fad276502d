/**
 * Composes a coordinator from five parts. One scope releases everything in reverse order, even if
 * the start fails. The control protocol opens after recovery of the operations that a crash left
 * open. Recovery of intents for hosts comes later, because their hosts must reconnect first.
 */
import { createStartGate } from '../protocols/rpc/starting.ts'
import { configError } from '../shared/config/errors.ts'
import type { Config } from '../shared/config/schema.ts'
import { untilAborted } from '../shared/interrupt.ts'
import type { Logger } from '../shared/logger.ts'
import { composeNetwork } from './compose/network.ts'
import { composeOperations, type OperationsPart } from './compose/operations.ts'
import { composeRepositories } from './compose/repositories.ts'
import { type CoordinatorDeps, composeStores, type Stores } from './compose/stores.ts'
import { composeSurfaces } from './compose/surfaces.ts'

export interface CoordinatorOptions {
  readonly home: string
  readonly config: Config
  readonly signal: AbortSignal
  /** Called when every protocol and the web server accept calls. */
  readonly onReady: (ready: { addresses: readonly string[]; http: string }) => void
}

/**
 * Runs a coordinator until the signal aborts. @throws home.*, database.*, node.listen,
 * socket.in-use, …
 */
export async function runCoordinator(
  deps: CoordinatorDeps,
  options: CoordinatorOptions,
): Promise<void> {
  const { config, signal } = options
  requireSupported(deps.log, config)
  await using scope = new AsyncDisposableStack()
  // Ends background work before the scope releases the parts that this work uses.
  const ending = new AbortController()
  const working = AbortSignal.any([signal, ending.signal])
  try {
    const gates = { control: createStartGate(deps), local: createStartGate(deps) }
    const stores = await composeStores(deps, { ...options, gates }, scope)
    const network = await composeNetwork({ ...deps, stores }, config, scope)
    const below = { ...deps, stores, network }
    const repositories = await composeRepositories(below, config, working)
    const operations = await composeOperations({ ...below, repositories }, working, scope)
    const all = { ...below, repositories, operations }
    const { http } = await composeSurfaces(all, { config, gates }, working, scope)
    options.onReady({ addresses: network.node.addresses(), http: http.url })
    const recovering = recoverRuns({ ...deps, stores, operations }, working)
    scope.defer(() => recovering)
    await untilAborted(signal)
  } finally {
    ending.abort(signal.reason)
  }
}

/**
 * Rejects settings that this version doesn't support. Logs unsupported repositories, which are not
 * synced.
 */
function requireSupported(log: Logger, { unsupported }: Config): void {
  if (unsupported.settings.length > 0)
    throw configError('config.unsupported', { problems: unsupported.settings })
  for (const problem of unsupported.repositories)
    log.warn(
      { problem },
      'a repository has settings that this version does not support; it is not synced',
    )
}

/**
 * Closes intents for hosts that a crash left open. The coordinator asks each host when the host
 * reconnects.
 */
async function recoverRuns(
  deps: { readonly log: Logger; readonly stores: Stores; readonly operations: OperationsPart },
  working: AbortSignal,
): Promise<void> {
  if (deps.stores.ledger.frozen() !== undefined) return
  try {
    await deps.operations.operations.recover(working, (verb) => verb.startsWith('run.'))
  } catch (error) {
    if (!working.aborted)
      deps.log.error({ error }, 'open intents could not be closed; the next start tries again')
  }
}
