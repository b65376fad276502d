/** Opens the upstream of a configured repository, and closes its connections afterwards. */
import type { Clock } from '../../../shared/clock.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Random } from '../../../shared/random.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import { baseAddress } from './address.ts'
import { openConnection } from './connection.ts'
import { type Credentials, loadCredentials } from './credentials.ts'
import { createUpstream, type Upstream } from './upstream.ts'

/** The section `download` of the configuration. */
export interface TransferOptions {
  readonly workers: number
  readonly retries: number
  /** The seconds without a byte after which an attempt fails. */
  readonly timeout: number
}

export interface Upstreams {
  readonly upstream: Upstream
  /** Opens a client without credentials for another address. */
  readonly elsewhere: (folder: URL) => Upstream
}

export async function withUpstream<T>(
  deps: { readonly clock: Clock; readonly random: Random },
  config: RepositoryConfig,
  options: TransferOptions & { readonly onEvent: OnSyncEvent },
  work: (upstreams: Upstreams) => Promise<T>,
): Promise<T> {
  const base = baseAddress(config.name, config.upstream.url)
  const credentials = await loadCredentials(deps, config.credentials)
  for (const message of credentials.notices) options.onEvent({ type: 'notice', message })
  const idleMs = options.timeout * 1000
  await using open = new AsyncDisposableStack()
  const openAt = (address: URL, shown: Credentials): Upstream => {
    const connection = openConnection({
      base: address,
      credentials: shown,
      connections: options.workers,
      idleMs,
    })
    open.defer(() => connection.close())
    return createUpstream(
      { ...deps, connection },
      { base: address, retries: options.retries, idleMs },
    )
  }
  return await work({
    upstream: openAt(base, credentials),
    elsewhere: (folder) => openAt(folder, { notices: [] }),
  })
}
