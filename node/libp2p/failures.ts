/**
 * Converts errors of libp2p and of the system to Muster errors. The original error is the cause.
 */
import { asError } from '../../shared/as-error.ts'
import { errno } from '../../shared/errno.ts'
import { MusterError } from '../../shared/errors.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { nodeError } from '../ground/errors.ts'

/**
 * Returns the error of a failed dial. A Muster error inside it, such as a rejected key, has
 * priority.
 */
export function dialFailure(
  error: unknown,
  target: { address: string; peer: string; signal: AbortSignal | undefined },
): Error {
  if (target.signal?.aborted === true) return asError(target.signal.reason)
  const chain = causesOf(error)
  const own = chain.find((item) => item instanceof MusterError)
  if (own !== undefined) return own
  // libp2p's upgrader keeps only the message of an encrypter's error. This is the message of
  // UnexpectedPeerError.
  if (
    chain.some((item) => /unexpected peer|does not match expected remote peer/i.test(item.message))
  ) {
    return nodeError(
      'node.wrong-peer',
      { address: target.address, expected: target.peer },
      { cause: error },
    )
  }
  return nodeError(
    'node.unreachable',
    { address: target.address, reason: reasonOf(chain) },
    { cause: error },
  )
}

/** Returns the error of a stream that could not be opened. */
export function openFailure(
  error: unknown,
  target: { peer: string; protocol: string; signal: AbortSignal | undefined },
): Error {
  if (target.signal?.aborted === true) return asError(target.signal.reason)
  if (error instanceof MusterError) return error
  const { name } = asError(error)
  if (name === 'UnsupportedProtocolError')
    return wireError('protocol.unsupported', { what: target.protocol }, { cause: error })
  if (/^TooMany(Out|In)bound/.test(name))
    return wireError('protocol.busy', { what: target.protocol }, { cause: error })
  return nodeError('node.not-connected', { peer: target.peer }, { cause: error })
}

export function listenFailure(error: unknown, addresses: readonly string[]): Error {
  if (error instanceof MusterError) return error
  return nodeError(
    'node.listen',
    { address: addresses.join(', '), reason: reasonOf(causesOf(error)) },
    { cause: error },
  )
}

function causesOf(error: unknown, depth = 0): Error[] {
  if (!(error instanceof Error) || depth > 5) return []
  const inner = error instanceof AggregateError ? error.errors : []
  return [
    error,
    ...inner.flatMap((item) => causesOf(item, depth + 1)),
    ...causesOf(error.cause, depth + 1),
  ]
}

function reasonOf(chain: readonly Error[]): string {
  const code = chain
    .map((item) => errno(item))
    .find((item) => item !== undefined && /^E[A-Z]+$/.test(item))
  if (code !== undefined) return code
  const named = chain.flatMap((item) => /\b(E[A-Z]{4,})\b/.exec(item.message)?.[1] ?? [])[0]
  if (named !== undefined) return named
  if (chain.some((item) => item.name === 'TimeoutError')) return 'it took too long'
  return chain.at(-1)?.name ?? 'unknown reason'
}
