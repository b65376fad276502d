/** Converts errors and statuses of requests to Muster's errors. Decides which can be retried. */
import { errno } from '../../../shared/errno.ts'
import type { MusterError } from '../../../shared/errors.ts'
import { mirrorError } from '../model/errors.ts'

/** The longest accepted Retry-After. After a longer one, the sync is incomplete. */
export const MAX_RETRY_AFTER_MS = 120_000

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'the name is unknown',
  EAI_AGAIN: 'the name server does not answer',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ETIMEDOUT: 'there was no answer in time',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'there was no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped coming',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is not as long as it says',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too long',
}

const TLS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate comes from an authority that is not known here',
  CERT_UNTRUSTED: 'its certificate is not trusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

/** TLS alerts of a server that requires a client certificate, or rejects it. */
const CLIENT_REFUSED = new RegExp(
  'ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|' +
    'CERTIFICATE_EXPIRED|HANDSHAKE_FAILURE|ACCESS_DENIED)',
)

const NOT_HTTP = 'HPE'

/** Returns Muster's error for a failed request. The caller's abort reason stays unchanged. */
export function requestFailure(error: unknown, url: string): unknown {
  if (mirrorError.is(error)) return error
  const code = codeOf(error)
  if (code === undefined) return error
  const tlsReason = Object.hasOwn(TLS, code) ? TLS[code] : undefined
  if (tlsReason !== undefined)
    return mirrorError('mirror.tls', { url, reason: tlsReason }, { cause: error })
  if (CLIENT_REFUSED.test(code))
    return mirrorError(
      'mirror.tls',
      { url, reason: 'the server does not accept our client certificate, or wants one' },
      { cause: error },
    )
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return mirrorError('mirror.tls', { url, reason: `TLS failed (${code})` }, { cause: error })
  if (code === NOT_HTTP)
    return mirrorError(
      'mirror.unreachable',
      { url, reason: 'the server there does not speak HTTP' },
      { cause: error },
    )
  return mirrorError('mirror.unreachable', { url, reason: NETWORK[code] ?? code }, { cause: error })
}

function codeOf(error: unknown): string | undefined {
  for (
    let each = error, depth = 0;
    each instanceof Error && depth < 4;
    each = each.cause, depth += 1
  ) {
    const code = errno(each)
    // undici 8.12 intends to set `code` to HPE_… here, but doesn't.
    if (each.name === 'HTTPParserError') return NOT_HTTP
    // If the connection was tried on several addresses, there are several errors. The cause of
    // undici's error has more information.
    if (each instanceof AggregateError) return codeOf(each.errors[0]) ?? code
    if (code !== undefined && !(code === 'UND_ERR_SOCKET' && each.cause instanceof Error))
      return code
  }
  return undefined
}

/** Returns Muster's error for a response without the file. */
export function statusFailure(status: number, url: string): MusterError {
  if (status === 401 || status === 403 || status === 407)
    return mirrorError('mirror.denied', { url, status })
  if (status === 404 || status === 410) return mirrorError('mirror.missing', { url, status })
  return mirrorError('mirror.status', { url, status })
}

/** True if the same request may succeed later. */
export function isRetryable(error: unknown): error is MusterError {
  if (!mirrorError.is(error) || !error.retryable) return false
  if (!mirrorError.is(error, 'mirror.status')) return !mirrorError.is(error, 'mirror.busy')
  const status = Number(error.data.status)
  return status === 408 || status === 425 || status === 429 || status >= 500
}
