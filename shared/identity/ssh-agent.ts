/**
 * A client of ssh-agent (RFC 9987): lists its ed25519 keys and requests signatures. Each request
 * has its own connection, a time limit and a size limit. Responses aren't trusted, so every
 * signature is verified.
 */
import { asError } from '../as-error.ts'
import { errno } from '../errno.ts'
import { createConnection, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { verifyEd25519 } from './ed25519.ts'
import { identityError } from './errors.ts'
import { fingerprintOf } from './fingerprint.ts'
import { KEY_TYPE, parsePublicKeyBlob, publicKeyBlob } from './public-key.ts'
import type { Signer } from './signer.ts'
import { readSsh, type SshReader, sshString, sshUint32 } from './ssh-wire.ts'

/** The message numbers of RFC 9987 section 6. */
const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14

/** The limit of OpenSSH's agent (AGENT_MAX_LEN); 256 keys with certificates fit. */
const MAX_ANSWER_BYTES = 256 * 1024
/**
 * The time limit for a list of keys. A slower agent is stuck, or forwarded over a dead connection.
 */
const LIST_TIMEOUT_MS = 10_000
/** The time limit for a signature. It may wait for the user, because `ssh-add -c` prompts. */
const SIGN_TIMEOUT_MS = 30_000
/** The maximum number of keys that are read from an agent. */
const MAX_KEYS = 256

export interface AgentDeps {
  readonly clock: Clock
}
export interface AgentOptions {
  /** The path of the agent's unix socket, from SSH_AUTH_SOCK. */
  readonly socket: string
  /** Replaces the limits above, for tests. */
  readonly timeoutMs?: number
}

/**
 * Returns the ed25519 keys of the agent as signers. Keys of other types and invalid keys are
 * skipped.
 * @throws identity.agent
 */
export async function listAgentKeys(
  deps: AgentDeps,
  options: AgentOptions,
  signal?: AbortSignal,
): Promise<readonly Signer[]> {
  const answer = await ask(
    deps,
    options,
    LIST_TIMEOUT_MS,
    Uint8Array.of(REQUEST_IDENTITIES),
    signal,
  )
  return understand(options, () => {
    const reader = expectAnswer(answer, IDENTITIES_ANSWER, 'it refused to list its keys')
    const count = reader.uint32()
    const signers: Signer[] = []
    for (let i = 0; i < count && i < MAX_KEYS; i++) {
      const blob = reader.string()
      const comment = Buffer.from(reader.string()).toString()
      const publicKey = ed25519Key(blob)
      if (publicKey !== undefined) signers.push(agentSigner(deps, options, publicKey, comment))
    }
    return signers
  })
}

function ed25519Key(blob: Uint8Array): Uint8Array | undefined {
  try {
    return parsePublicKeyBlob(blob, 'a key of the ssh-agent')
  } catch (error) {
    if (identityError.is(error, 'identity.public-key')) return undefined
    throw error
  }
}

function agentSigner(
  deps: AgentDeps,
  options: AgentOptions,
  publicKey: Uint8Array,
  comment: string,
): Signer {
  const sign = async (bytes: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> => {
    const request = Buffer.concat([
      Uint8Array.of(SIGN_REQUEST),
      sshString(publicKeyBlob(publicKey)),
      sshString(bytes),
      sshUint32(0),
    ])
    const answer = await ask(deps, options, SIGN_TIMEOUT_MS, request, signal)
    return understand(options, () => {
      const reader = expectAnswer(answer, SIGN_RESPONSE, 'it refused to sign')
      const inner = readSsh(reader.string())
      const algorithm = inner.name()
      if (algorithm !== KEY_TYPE)
        throw failed(options, `it signed as ${algorithm}, expected ${KEY_TYPE}`)
      const signature = new Uint8Array(inner.string())
      if (inner.left() !== 0 || reader.left() !== 0)
        throw failed(options, 'bytes follow the signature')
      if (!verifyEd25519(publicKey, bytes, signature))
        throw failed(options, 'its signature is not valid')
      return signature
    })
  }
  return { publicKey, fingerprint: fingerprintOf(publicKey), comment, sign }
}

function expectAnswer(answer: Uint8Array, kind: number, refusal: string): SshReader {
  const reader = readSsh(answer)
  const got = reader.byte()
  // 5 is SSH_AGENT_FAILURE. Any other unexpected response counts as a refusal too.
  if (got !== kind) throw new AgentRefusal(got === 5 ? refusal : `${refusal} (answer ${got})`)
  return reader
}

class AgentRefusal extends Error {}

/** Converts any error in a response to a failure of the agent. */
function understand<T>(options: AgentOptions, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (identityError.is(cause)) throw cause
    throw failed(
      options,
      cause instanceof AgentRefusal ? cause.message : 'its answer is malformed',
      cause,
    )
  }
}

function failed(options: AgentOptions, reason: string, cause?: unknown): Error {
  return identityError('identity.agent', { socket: options.socket, reason }, { cause })
}

/** Sends one request and returns the response without its length field. */
async function ask(
  deps: AgentDeps,
  options: AgentOptions,
  defaultMs: number,
  request: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  signal?.throwIfAborted()
  const ms = options.timeoutMs ?? defaultMs
  const deadline = deps.clock.timeout(ms)
  const socket = createConnection(options.socket)
  const onAbort = (): void => void socket.destroy(asError(signal?.reason))
  const onDeadline = (): void =>
    void socket.destroy(failed(options, `no answer within ${ms / 1000} s`))
  signal?.addEventListener('abort', onAbort, { once: true })
  deadline.addEventListener('abort', onDeadline, { once: true })
  try {
    socket.write(Buffer.concat([sshUint32(request.length), request]))
    return await readAnswer(socket, options)
  } catch (cause) {
    if (signal?.aborted === true || identityError.is(cause)) throw cause
    const code = errno(cause)
    throw failed(
      options,
      code === 'ENOENT' || code === 'ECONNREFUSED'
        ? 'no process listens there'
        : (code ?? 'the connection failed'),
      cause,
    )
  } finally {
    signal?.removeEventListener('abort', onAbort)
    deadline.removeEventListener('abort', onDeadline)
    socket.destroy()
  }
}

async function readAnswer(socket: Socket, options: AgentOptions): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let received = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    received += chunk.length
    if (received < 4) continue
    const head = Buffer.concat(chunks.splice(0))
    chunks.push(head)
    const length = head.readUInt32BE(0)
    // The length is checked before more is read, because it determines the memory for the response.
    if (length === 0 || length > MAX_ANSWER_BYTES)
      throw failed(options, `it announced an answer of ${length} bytes`)
    if (received >= 4 + length) return new Uint8Array(head.subarray(4, 4 + length))
  }
  throw failed(options, 'it closed the connection without an answer')
}
