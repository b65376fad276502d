/**
 * Serves the fleet's repositories to dnf and zypper on this host, under the same paths as the
 * coordinator. The coordinator resolves a path to a blob. Any node with the blob sends the bytes,
 * which are verified before dnf gets them. While no coordinator is reachable, earlier responses are
 * used for a limited time.
 */
import { hostname } from 'node:os'
import type { Content } from '../../node/content/content.ts'
import { listen, type WebServer } from '../../node/http/listen.ts'
import { respond } from '../../node/http/respond.ts'
import type { Resolve, Served } from '../../node/http/served.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { type BlobId, blobId } from '../../shared/ids.ts'
import type { Logger } from '../../shared/logger.ts'
import {
  formatRepositoryPath,
  parseRepositoryPath,
  REPOSITORIES,
  type RepositoryPath,
} from '../../shared/repository-paths.ts'
import type { Catalog, TreeAnswer } from './catalog.ts'
import { isAllowedHost } from './allowed-hosts.ts'

export interface GatewayDeps {
  readonly catalog: Catalog
  readonly content: Content
  readonly clock: Clock
  readonly log: Logger
}

/** @throws http.address-taken, http.address */
export function createGateway(deps: GatewayDeps, options: { listen: string }): Promise<WebServer> {
  const resolve: Resolve = async (segments, signal) => {
    if (segments.length === 0) return folder([`${REPOSITORIES}/`])
    const place = parseRepositoryPath(segments)
    return place === undefined ? undefined : resolvePlace(deps, place, signal)
  }
  const own = [hostname(), options.listen.replace(/:\d+$/, '')]
  return listen(deps, options, (request, response) => {
    if (isAllowedHost(request.headers.host, own))
      return void respond({ log: deps.log, resolve }, request, response)
    deps.log.warn({ host: request.headers.host }, 'request with a host name that is not allowed')
    response
      .writeHead(421, { 'content-type': 'text/plain; charset=utf-8' })
      .end('this gateway does not have this host name; use its address\n')
  })
}

async function resolvePlace(
  deps: GatewayDeps,
  place: RepositoryPath,
  signal: AbortSignal,
): Promise<Served | undefined> {
  const { catalog } = deps
  try {
    if (place.at === 'repositories')
      return folder((await catalog.repositories(signal)).map(({ id }) => `${id}/`))
    if (place.at === 'repository') return folder(['latest/', 'snapshots/'])
    if (place.at === 'snapshots') {
      const all = await catalog.repositories(signal)
      const known = all.find(({ id }) => id === place.repository)
      return known && folder(known.snapshots.map((name) => `${name}/`))
    }
    const { repository, snapshot, path } = place
    const question = { repository, path: path.join('/') }
    const asked = snapshot === undefined ? question : { ...question, snapshot }
    return served(deps, await catalog.tree(asked, signal))
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    deps.log.warn({ path: formatRepositoryPath(place), error }, 'gateway cannot look up a path')
    // On 503, dnf tries the next mirror or repeats the request. A 404 would be final.
    const message =
      error.exit === 'unreachable'
        ? 'no coordinator can be reached'
        : 'the coordinator cannot look up this path'
    return { kind: 'status', status: 503, message, retryAfterSeconds: 5 }
  }
}

async function served(deps: GatewayDeps, answer: TreeAnswer): Promise<Served | undefined> {
  if (answer.found === 'nothing') return undefined
  if (answer.found === 'folder') return folder(answer.entries ?? [])
  if (answer.blob === undefined || answer.size === undefined) return undefined
  return file(deps, blobId.parse(answer.blob), answer.size)
}

function file(deps: GatewayDeps, blob: BlobId, size: number): Served {
  return {
    kind: 'file',
    size,
    etag: `"${blob}"`,
    async *read(range, signal) {
      const opened = await deps.content.open(blob, signal, { size })
      yield* opened.read(range, signal)
    },
  }
}

function folder(names: readonly string[]): Served {
  return {
    kind: 'folder',
    entries: async () =>
      names.map((name) =>
        name.endsWith('/') ? { name: name.slice(0, -1), kind: 'folder' } : { name, kind: 'file' },
      ),
  }
}
