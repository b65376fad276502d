/** Starts the demo's upstream: a web server on loopback with a small RPM repository. */
import { sampleRepository } from '../../../fixtures/rpm/sample.ts'
import { resolveInFolder } from '../../../node/http/folder.ts'
import { listen } from '../../../node/http/listen.ts'
import { respond } from '../../../node/http/respond.ts'
import type { Clock } from '../../../shared/clock.ts'
import { silentLogger } from '../../../shared/logger.ts'

export interface Upstream extends AsyncDisposable {
  readonly url: string
}

export async function startUpstream(deps: { clock: Clock }, folder: string): Promise<Upstream> {
  await sampleRepository(folder)
  const resolve = (segments: readonly string[]) => resolveInFolder(folder, segments, {})
  const server = await listen(
    deps,
    { listen: '127.0.0.1:0' },
    (request, response) => void respond({ log: silentLogger, resolve }, request, response),
  )
  return { url: `${server.url}/`, [Symbol.asyncDispose]: () => server.close() }
}
