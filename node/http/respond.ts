/**
 * Responds to one GET or HEAD with the result of {@link Resolve}. Files have Range, ETag and
 * conditions. Folders have index pages. The coordinator's published trees and the agent's gateway
 * share this module, so their responses are alike.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { httpDate } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { decide } from './conditional.ts'
import { contentType } from './content-type.ts'
import { indexPage } from './index-page.ts'
import type { Resolve, ServedFile } from './served.ts'
import { parseTarget } from './target.ts'

const TEXT = 'text/plain; charset=utf-8'

/**
 * Responds to a request. Never rejects. An internal failure is logged. The client gets status 500
 * or, if bytes were sent before, a closed connection.
 */
export async function respond(
  deps: { log: Logger; resolve: Resolve },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const abort = new AbortController()
  const onClose = (): void => abort.abort()
  response.once('close', onClose)
  try {
    await respondFrom(deps.resolve, request, response, abort.signal)
  } catch (error) {
    if (abort.signal.aborted) return
    deps.log.error({ error, path: request.url }, 'a request failed')
    if (response.headersSent) response.destroy()
    else plain(request, response, 500, 'internal error')
  } finally {
    response.off('close', onClose)
  }
}

async function respondFrom(
  resolve: Resolve,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(request, response, 405, 'only GET and HEAD', { allow: 'GET, HEAD' })
  const target = parseTarget(request.url)
  if (target === undefined) return plain(request, response, 400, 'invalid path')
  const found = await resolve(target.segments, signal)
  if (found === undefined) return plain(request, response, 404, 'not found')
  if (found.kind === 'status') {
    const { status, message, retryAfterSeconds: seconds } = found
    const wait = seconds === undefined ? {} : { 'retry-after': String(seconds) }
    return plain(request, response, status, message, wait)
  }
  const path = `/${target.segments.map(encodeURIComponent).join('/')}`
  if (found.kind === 'folder') {
    // The links of an index page are relative to an address that ends in a slash.
    if (!target.folder)
      return plain(request, response, 301, 'this is a folder', { location: `${path}/` })
    const shown = target.segments.length === 0 ? '/' : `/${target.segments.join('/')}/`
    const page = Buffer.from(indexPage(shown, await found.entries()))
    response.writeHead(200, {
      ...COMMON,
      'content-type': 'text/html; charset=utf-8',
      'content-length': page.length,
      'cache-control': 'no-cache',
    })
    return void response.end(request.method === 'HEAD' ? undefined : page)
  }
  try {
    if (target.folder) return plain(request, response, 404, 'not found')
    await sendFile(found, target.segments.at(-1) ?? '', request, response, signal)
  } finally {
    await found.close?.()
  }
}

const COMMON = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
}

async function sendFile(
  file: ServedFile,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const headers: Record<string, string | number> = {
    ...COMMON,
    etag: file.etag,
    'accept-ranges': 'bytes',
    'cache-control': file.cacheControl ?? 'no-cache',
  }
  if (file.modifiedAt !== undefined) headers['last-modified'] = httpDate(file.modifiedAt)
  const decision = decide(request.headers, file)
  if (decision.status === 304) return void response.writeHead(304, headers).end()
  if (decision.status === 412) return plain(request, response, 412, 'the file has changed')
  if (decision.status === 416)
    return plain(request, response, 416, 'the file is shorter', {
      'content-range': `bytes */${file.size}`,
    })
  const range = decision.status === 206 ? decision.range : undefined
  const length = range === undefined ? file.size : range.end - range.start
  if (range !== undefined)
    headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${file.size}`
  response.writeHead(decision.status, {
    ...headers,
    'content-type': contentType(name),
    'content-length': length,
  })
  if (request.method === 'HEAD' || length === 0) return void response.end()
  const bytes = file.read(range, signal)
  await pipeline(
    bytes instanceof Readable
      ? bytes
      : Readable.from(bytes, { objectMode: false, highWaterMark: 1 }),
    response,
  )
}

function plain(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  const body = Buffer.from(`${message}\n`)
  response.writeHead(status, {
    ...COMMON,
    'content-type': TEXT,
    'content-length': body.length,
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}
