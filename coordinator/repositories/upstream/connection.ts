/**
 * Requests to one upstream. The connections that carry a repository's credentials belong to that
 * repository and its origin alone (RS-25, RS-26); a redirect to another origin goes over
 * connections without any, and only to addresses that it may lead to. TLS is always verified;
 * nothing is decoded on the way, so the bytes are the file's.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { Agent, type Dispatcher } from 'undici'
import { mirrorError } from '../model/errors.ts'
import { mayRedirect, type Reach, reachOf, redirectTarget, shownAddress } from './address.ts'
import type { Credentials } from './credentials.ts'
import { requestFailure } from './failure.ts'

/** Time for name, connection and TLS; a server that is there needs a fraction. */
const CONNECT_TIMEOUT_MS = 20_000
/** All headers of an answer together. */
const MAX_HEADER_BYTES = 32 * 1024

const USER_AGENT = 'muster (repository mirror)'

export interface ConnectionOptions {
  readonly base: URL
  readonly credentials: Credentials
  /** Requests in flight at once. */
  readonly connections: number
  /** Milliseconds without a byte after which an attempt is given up. */
  readonly idleMs: number
}

export interface Answer {
  readonly status: number
  /** Lower-case names; of a repeated header the first value. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown }
  /** Where it came from in the end, for errors. */
  readonly url: string
}

export interface Connection {
  /**
   * GET, with redirects followed. @throws `mirror.unreachable`, `.tls`, `.redirect`; or the reason
   * of `signal`
   */
  get(
    url: URL,
    options: { headers?: Readonly<Record<string, string>>; signal: AbortSignal },
  ): Promise<Answer>
  close(): Promise<void>
}

export function openConnection(options: ConnectionOptions): Connection {
  const { base, credentials } = options
  const shared = {
    connections: options.connections,
    headersTimeout: options.idleMs,
    bodyTimeout: options.idleMs,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One request at a time on a connection: a stalled file must not hold up another. HTTP/2 would
    // share one for all.
    pipelining: 1,
    allowH2: false,
  }
  const tls = { timeout: CONNECT_TIMEOUT_MS, minVersion: 'TLSv1.2' as const }
  const own = new Agent({
    ...shared,
    connect: {
      ...tls,
      ...credentials.tls,
      ...(credentials.ca === undefined ? {} : { ca: credentials.ca }),
    },
  })
  // Made at the first redirect to another origin. `reach` is that of the base address once it is
  // known.
  let foreign: Agent | undefined
  let reach: Promise<Reach> | undefined

  const dispatch = async (
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> => {
    if (url.origin === base.origin) {
      const authorization =
        credentials.authorization === undefined ? {} : { authorization: credentials.authorization }
      return own.request({ ...target(url), headers: { ...headers, ...authorization }, signal })
    }
    reach ??= resolveReach(base.hostname)
    const from = await reach
    foreign ??= new Agent({ ...shared, connect: { ...tls, lookup: guardedLookup(from) as never } })
    const literal = url.hostname.replace(/^\[|\]$/g, '')
    if (isIP(literal) !== 0 && !mayRedirect(from, reachOf(literal))) throw innerAddress(base, url)
    return foreign.request({ ...target(url), headers, signal })
  }

  return {
    async get(start, { headers = {}, signal }) {
      let url = start
      for (let hops = 0; ; hops += 1) {
        let answer: Dispatcher.ResponseData
        try {
          answer = await dispatch(
            url,
            { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...headers },
            signal,
          )
        } catch (error) {
          signal.throwIfAborted()
          if ((error as NodeJS.ErrnoException).code === INNER_ADDRESS) throw innerAddress(base, url)
          throw requestFailure(error, shownAddress(url))
        }
        // Destroying a body that nobody finished reading makes it emit an error; it must not be an
        // unhandled one.
        answer.body.on('error', () => {})
        const first = firstValues(answer.headers)
        if (![301, 302, 303, 307, 308].includes(answer.statusCode)) {
          return {
            status: answer.statusCode,
            headers: first,
            body: answer.body,
            url: shownAddress(url),
          }
        }
        // What a redirect says beside its address is never read.
        answer.body.destroy()
        url = redirectTarget(url, first.location, hops)
      }
    },
    async close() {
      await Promise.all([own.destroy(), foreign?.destroy()])
    },
  }
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
    reason: 'it leads to an inner address that the upstream itself is not at',
  })
}

/** The most private address of a name: a server that has one may redirect within that network. */
async function resolveReach(hostname: string): Promise<Reach> {
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0) return reachOf(literal)
  const addresses = await new Promise<LookupAddress[]>((resolve) =>
    systemLookup(literal, { all: true }, (error, found) => resolve(error === null ? found : [])),
  )
  const reaches = addresses.map(({ address }) => reachOf(address))
  return (['loopback', 'private'] as const).find((each) => reaches.includes(each)) ?? 'public'
}

type LookupCallback = (
  error: Error | null,
  address?: string | LookupAddress[],
  family?: number,
) => void

/**
 * A resolver that keeps only addresses that may be redirected to. The connection is made to exactly
 * what this returns, so a name that resolves differently a moment later (DNS rebinding) changes
 * nothing.
 */
function guardedLookup(from: Reach) {
  return (hostname: string, options: { all?: boolean }, callback: LookupCallback): void => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error)
      const allowed = addresses.filter(({ address }) => mayRedirect(from, reachOf(address)))
      if (allowed.length === 0)
        return callback(Object.assign(new Error('inner address'), { code: INNER_ADDRESS }))
      if (options.all === true) return callback(null, allowed)
      const [first] = allowed as [LookupAddress]
      callback(null, first.address, first.family)
    })
  }
}
