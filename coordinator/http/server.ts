/** Serves the published trees and a health check over HTTP. It changes nothing. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen, type WebServer } from '../../node/http/listen.ts'
import { respond } from '../../node/http/respond.ts'
import type { Resolve } from '../../node/http/served.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { parseRepositoryPath, REPOSITORIES } from '../../shared/repository-paths.ts'
import type { Formats } from '../repositories/formats/format.ts'
import { type PublishedRepository, resolveTree } from '../repositories/publish/folder/serve.ts'

export interface HttpServerOptions {
  /** `HOST:PORT`. */
  readonly listen: string
  /** Called for each request, so that a change of the configuration needs no restart. */
  readonly repositories: () => readonly PublishedRepository[]
}

/** @throws `http.address-taken`, `http.address` */
export function createHttpServer(
  deps: { clock: Clock; log: Logger; formats: Formats },
  options: HttpServerOptions,
): Promise<WebServer> {
  const resolve: Resolve = async (segments) => {
    if (segments.length === 0)
      return { kind: 'folder', entries: async () => [{ name: REPOSITORIES, kind: 'folder' }] }
    const place = parseRepositoryPath(segments)
    return place && resolveTree(deps.formats, options.repositories(), place)
  }
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === '/healthz') health(request, response)
    else void respond({ log: deps.log, resolve }, request, response)
  }
  return listen(deps, { listen: options.listen }, handle)
}

/** Reports that this process responds. `muster status` reports on its database and log. */
function health(request: IncomingMessage, response: ServerResponse): void {
  const body = 'ok\n'
  response.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
