/**
 * Requests to one upstream. Connections with a repository's credentials belong to this repository
 * and its origin (RS-25, RS-26). A redirect to another origin uses connections without credentials,
 * and only to permitted addresses. TLS is always verified, and no body is decoded.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, type Dispatcher } from 'undici'
import { defined } from '../../../shared/defined.ts'
import { errno } from '../../../shared/errno.ts'
import { mirrorError } from '../model/errors.ts'
import { mayRedirect, type Reach, reachOf, redirectTarget, shownAddress } from './address.ts'
import type { Credentials } from './credentials.ts'
import { requestFailure } from './failure.ts'

/** The limit for name resolution, connection and TLS. A working server needs a fraction of it. */
const CONNECT_TIMEOUT_MS = 20_000
/** The limit of all headers of a response. */
const MAX_HEADER_BYTES = 32 * 1024

const USER_AGENT = 'muster (repository mirror)'

export interface ConnectionOptions {
  readonly base: URL
  readonly credentials: Credentials
  /** The number of requests that may run at the same time. */
  readonly connections: number
  /** The milliseconds without a byte after which a request fails. */
  readonly idleMs: number
}

export interface Answer {
  readonly status: number
  /** The names are in lower case. A repeated header has its first value. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown }
  /** The address after all redirects, for errors. */
  readonly url: string
}

export interface Connection {
  /**
   * Sends a GET request and follows redirects.
   * @throws mirror.unreachable, mirror.tls, mirror.redirect, the signal's reason
   */
  get(
    url: URL,
    options: { headers?: Readonly<Record<string, string>>; signal: AbortSignal },
  ): Promise<Answer>
  close(): Promise<void>
}

export function openConnection(options: ConnectionOptions): Connection {
  const { base, credentials } = options
  const own = openAgent(options, defined({ ...credentials.tls, ca: credentials.ca }))
  const foreign = openForeign(options)
  const authorization = defined({ authorization: credentials.authorization })

  const request = async (
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> => {
    const isOwn = url.origin === base.origin
    const client = isOwn ? own : await foreign.agent(url)
    const shown = isOwn ? { ...headers, ...authorization } : headers
    return client.request({ ...target(url), headers: shown, signal })
  }

  return {
    async get(start, { headers = {}, signal }) {
      const sent = { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...headers }
      let url = start
      for (let hops = 0; ; hops += 1) {
        const response = await request(url, sent, signal).catch((error: unknown) => {
          signal.throwIfAborted()
          if (errno(error) === INNER_ADDRESS) throw innerAddress(base, url)
          throw requestFailure(error, shownAddress(url))
        })
        // A body that is destroyed before its end emits an error. Without a listener, the error
        // would end the process.
        response.body.on('error', () => {})
        if (!REDIRECTS.includes(response.statusCode)) return answerOf(response, url)
        // The body of a redirect is never read.
        response.body.destroy()
        url = redirectTarget(url, firstValues(response.headers).location, hops)
      }
    },
    async close() {
      await Promise.all([own.destroy(), foreign.close()])
    },
  }
}

/** Statuses that lead to another address. */
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

function openAgent(
  { connections, idleMs }: ConnectionOptions,
  connect: Exclude<Agent.Options['connect'], Function | undefined>,
): Agent {
  return new Agent({
    connections,
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One request at a time on a connection, so that a stalled file doesn't delay another one.
    // HTTP/2 would use one connection for all.
    pipelining: 1,
    allowH2: false,
    connect: { timeout: CONNECT_TIMEOUT_MS, minVersion: 'TLSv1.2', ...connect },
  })
}

/** Connections without credentials to other origins, and only to permitted addresses. */
interface Foreign {
  /** @throws mirror.redirect if `url` has an address to which the upstream may not redirect */
  agent(url: URL): Promise<Agent>
  close(): Promise<void>
}

/** Opens no connection before the first redirect to another origin. */
function openForeign(options: ConnectionOptions): Foreign {
  const { base } = options
  let reach: Promise<Reach> | undefined
  let agent: Agent | undefined
  return {
    async agent(url) {
      reach ??= resolveReach(base.hostname)
      const from = await reach
      agent ??= openAgent(options, { lookup: guardedLookup(from) })
      const literal = url.hostname.replace(/^\[|\]$/g, '')
      if (isIP(literal) !== 0 && !mayRedirect(from, reachOf(literal))) throw innerAddress(base, url)
      return agent
    },
    async close() {
      await agent?.destroy()
    },
  }
}

function answerOf({ statusCode, headers, body }: Dispatcher.ResponseData, url: URL): Answer {
  return { status: statusCode, headers: firstValues(headers), body, url: shownAddress(url) }
}

function target(url: URL): { origin: string; path: string; method: 'GET' } {
  return { origin: url.origin, path: url.pathname + url.search, method: 'GET' }
}

function firstValues(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  )
}

const INNER_ADDRESS = 'MUSTER_INNER_ADDRESS'

function innerAddress(base: URL, to: URL): Error {
  return mirrorError('mirror.redirect', {
    url: shownAddress(base),
    to: shownAddress(to),
    reason: 'it leads to an inner address, and the upstream is not in that network',
  })
}

/** Returns the most private network of a name's addresses. Redirects within it are permitted. */
async function resolveReach(hostname: string): Promise<Reach> {
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0) return reachOf(literal)
  const addresses = await new Promise<LookupAddress[]>((resolve) =>
    systemLookup(literal, { all: true }, (error, found) => resolve(error === null ? found : [])),
  )
  const reaches = addresses.map(({ address }) => reachOf(address))
  return (['loopback', 'private'] as const).find((each) => reaches.includes(each)) ?? 'public'
}

/**
 * Returns a resolver that returns only addresses to which a redirect may lead. The connection uses
 * exactly these, so a later change of the name's addresses (DNS rebinding) has no effect.
 */
function guardedLookup(from: Reach): LookupFunction {
  return (hostname, options, callback) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const allowed = addresses.filter(({ address }) => mayRedirect(from, reachOf(address)))
      const [first] = allowed
      if (first === undefined)
        return callback(Object.assign(new Error('inner address'), { code: INNER_ADDRESS }), [])
      if (options.all === true) return callback(null, allowed)
      callback(null, first.address, first.family)
    })
  }
}
