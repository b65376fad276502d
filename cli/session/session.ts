/**
 * Opens an operator's session with a coordinator, over the unix socket of the home, or over libp2p
 * with a ticket. The operator's SSH key opens the session and signs an intent for every change.
 * libp2p is loaded only for a ticket.
 */
import { defined } from '../../shared/defined.ts'
import { z } from 'zod'
import { type CallOptions, type Client, openClient } from '../../protocols/rpc/call.ts'
import type { OperateResponse } from '../../protocols/control/messages.ts'
import { PROOF_TYPE, proofBytes } from '../../protocols/control/proof.ts'
import { control } from '../../protocols/control/protocol.ts'
import { type ArgumentsOf, type Verb, VERBS } from '../../protocols/control/verbs.ts'
import type { ProgressOf, RequestOf, ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import { dialSocket } from '../../protocols/rpc/socket.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { MAX_ENTRY_BYTES } from '../../shared/audit/tile.ts'
import { canonicalJson } from '../../shared/canonical-json.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { type FleetId, fleetId, operationId, uuidv7Generator } from '../../shared/ids.ts'
import { checkBeforeSigning } from './check-before-signing.ts'
import { cliError } from '../terminal/errors.ts'
import { generateKey, type Signer } from '../../shared/identity/signer.ts'
import type { Random } from '../../shared/random.ts'
import { pae } from '../../shared/trust/dsse.ts'
import { intentTargets } from '../../shared/trust/intent.ts'
import type { Opening } from '../../shared/trust/commitment.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import { MAX_STATEMENT_BYTES, type Signed, signStatement } from '../../shared/trust/signed.ts'

/** The lifetime of a session. It is longer than any command, also one that follows a run. */
const SESSION_MS = 11 * 3_600_000
/** The tolerance for a coordinator's clock that is behind the operator's. */
const BACKDATED_MS = 60_000
/**
 * The lifetime of an intent, in which the coordinator and the hosts must check it. The limit is
 * five minutes.
 */
const INTENT_MS = 4 * 60_000
/**
 * The space in a log entry for the signature, the key, the coordinator and the times (about 700
 * bytes).
 */
const ENTRY_FRAME_BYTES = 2048
/** The space for the type, which signing adds to a statement. */
const TYPE_BYTES = 64

type Methods = (typeof control)['methods']
type Query = Exclude<keyof Methods & string, 'operate' | 'session.begin' | 'session.open'>

export interface SessionDeps {
  readonly clock: Clock
  readonly random: Random
  readonly operator: Signer
}

export interface Session {
  readonly fleet: FleetId
  readonly coordinator: { readonly name: string; readonly peerId: string; readonly version: string }
  readonly operator: Signer
  readonly newId: () => string
  ask<K extends Query>(
    method: K,
    request: RequestOf<Methods[K]>,
    options?: CallOptions<Methods[K]>,
  ): Promise<ResponseOf<Methods[K]>>
  /**
   * Signs an intent and sends it. Rejects if the coordinator refuses it. The response contains the
   * outcome of each target.
   */
  operate<V extends Verb>(order: Order<V>, options?: OperateOptions): Promise<OperateResponse>
  /** Signs an intent. The coordinator carries it out once, even if it is sent again. */
  sign<V extends Verb>(order: Order<V>): Promise<Signed>
  /** Sends a signed intent. If the coordinator already works on it, waits for the outcome. */
  perform(intent: Signed, options?: OperateOptions): Promise<OperateResponse>
  /**
   * Runs `work` in another session with the same coordinator, because the calls of one session run
   * one after another.
   */
  another<T>(work: (session: Session) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Order<V extends Verb> {
  readonly verb: V
  readonly targets: readonly string[]
  readonly arguments: ArgumentsOf<V>
}

export interface OperateOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (report: ProgressOf<Methods['operate']>) => void
  readonly upload?: AsyncIterable<Uint8Array>
  /** The values for the commitments in the intent. */
  readonly values?: readonly Opening[]
}

/** The connection to the coordinator: the socket of its home, or libp2p. */
export interface Reach {
  /** The coordinator in the ticket. Undefined for the socket of the home. */
  readonly expected?: { readonly fleet: FleetId; readonly peerId: string }
  /** Opens a stream of the control protocol. Can be called several times. */
  open(signal?: AbortSignal): Promise<Duplex>
  close(): Promise<void>
}

export const socketReach = (path: string): Reach => ({
  open: (signal) => dialSocket(path, control.id, signal),
  close: async () => undefined,
})

export interface CoordinatorGreeting {
  readonly name: string
  readonly version: string
  /**
   * The coordinator's clock minus ours in milliseconds. Undefined if an older version doesn't send
   * its time.
   */
  readonly clockOffsetMs: number | undefined
}

/** Requests the coordinator's greeting, which needs no key. @throws cli.other-coordinator */
export async function greetCoordinator(
  deps: { readonly clock: Clock },
  reach: Reach,
  signal?: AbortSignal,
): Promise<CoordinatorGreeting> {
  const client = openClient(control, await reach.open(signal), deps)
  try {
    const sent = deps.clock.now()
    const startedAt = deps.clock.monotonic()
    const challenge = await client.call('session.begin', {}, signal === undefined ? {} : { signal })
    requireExpected(reach, challenge)
    // The coordinator read its clock about half-way between our request and its response.
    const ours = sent + (deps.clock.monotonic() - startedAt) / 2
    return {
      name: challenge.name,
      version: challenge.version,
      clockOffsetMs:
        challenge.at === undefined ? undefined : Math.round(Date.parse(challenge.at) - ours),
    }
  } finally {
    await client.close().catch(() => undefined)
  }
}

export async function openSession(
  deps: SessionDeps,
  reach: Reach,
  signal?: AbortSignal,
): Promise<Session> {
  const client: Client<typeof control> = openClient(control, await reach.open(signal), deps)
  const options = defined({ signal })
  const challenge = await authenticate(deps, client, reach, signal)
  const { fleet } = challenge
  const newId = uuidv7Generator(deps)
  const sign: Session['sign'] = (order) =>
    signIntent(deps, { ...order, fleet, operation: newId() }, signal)
  const perform: Session['perform'] = (intent, { values = [], ...more } = {}) =>
    client.call(
      'operate',
      defined({ intent, values: values.length === 0 ? undefined : [...values] }),
      { ...options, ...more },
    )

  return {
    fleet,
    coordinator: {
      name: challenge.name,
      peerId: challenge.coordinator,
      version: challenge.version,
    },
    operator: deps.operator,
    newId,
    ask: (method, request, more) => client.call(method, request, { ...options, ...more }),
    sign,
    perform,
    operate: async (order, more) => perform(await sign(order), more),
    async another(work) {
      const further = await openSession(deps, { ...reach, close: async () => undefined }, signal)
      try {
        return await work(further)
      } finally {
        await further.close()
      }
    },
    async close() {
      await client.close()
      await reach.close()
    },
  }
}

/** Opens the session on the stream of `client`, and returns the coordinator's challenge. */
async function authenticate(
  deps: SessionDeps,
  client: Client<typeof control>,
  reach: Reach,
  signal: AbortSignal | undefined,
): Promise<ResponseOf<Methods['session.begin']> & { readonly fleet: FleetId }> {
  const options = defined({ signal })
  const received = await client.call('session.begin', {}, options)
  const challenge = { ...received, fleet: fleetId.parse(received.fleet) }
  try {
    requireExpected(reach, challenge)
  } catch (error) {
    client.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
  await client.call('session.open', await answerChallenge(deps, challenge, signal), options)
  return challenge
}

/**
 * Requires the coordinator of the ticket before anything is signed. Otherwise a coordinator could
 * use another one's name and forward the session and the intents to that one.
 */
function requireExpected(
  { expected }: Reach,
  challenge: { readonly fleet: string; readonly coordinator: string },
): void {
  if (expected === undefined) return
  if (expected.fleet === challenge.fleet && expected.peerId === challenge.coordinator) return
  throw cliError('cli.other-coordinator', { expected: expected.peerId, fleet: expected.fleet })
}

async function answerChallenge(
  deps: SessionDeps,
  challenge: { nonce: Uint8Array; fleet: FleetId; coordinator: string },
  signal: AbortSignal | undefined,
): Promise<{ delegation: Signed; proof: Uint8Array }> {
  const ephemeral = generateKey(deps)
  const now = deps.clock.now()
  const delegation = await signStatement(
    deps.operator,
    'session',
    {
      fleet: challenge.fleet,
      key: Buffer.from(ephemeral.publicKey).toString('base64'),
      actor: deps.operator.fingerprint,
      coordinator: challenge.coordinator,
      notBefore: rfc3339(now - BACKDATED_MS),
      notAfter: rfc3339(now + SESSION_MS),
    },
    undefined,
    signal,
  )
  return {
    delegation,
    proof: await ephemeral.sign(
      pae(PROOF_TYPE, proofBytes(challenge.nonce, challenge.coordinator)),
    ),
  }
}

async function signIntent<V extends Verb>(
  deps: SessionDeps,
  order: {
    verb: V
    targets: readonly string[]
    arguments: ArgumentsOf<V>
    fleet: FleetId
    operation: string
  },
  signal: AbortSignal | undefined,
): Promise<Signed> {
  const { arguments: shape, namespace, target } = VERBS[order.verb]
  const what = target === 'agents' ? 'host' : 'repository'
  checkBeforeSigning(z.strictObject({ [what]: intentTargets }), { [what]: order.targets })
  checkBeforeSigning(shape, order.arguments)
  const now = deps.clock.now()
  const intent = {
    fleet: order.fleet,
    operation: operationId.parse(order.operation),
    actor: deps.operator.fingerprint,
    verb: order.verb,
    namespace,
    targets: [...order.targets],
    arguments: order.arguments as JsonObject,
    issuedAt: rfc3339(now),
    expiresAt: rfc3339(now + INTENT_MS),
  }
  checkLength(intent)
  return signStatement(deps.operator, 'intent', intent, undefined, signal)
}

/** Rejects an intent that is too long for the log. @throws cli.order-too-long */
function checkLength(intent: JsonObject): void {
  const statement = canonicalJson(intent)
  // The entry contains the statement as a JSON string, with an escape for each quote.
  const entry = Buffer.byteLength(JSON.stringify(statement))
  const over = [
    [Buffer.byteLength(statement), MAX_STATEMENT_BYTES - TYPE_BYTES],
    [entry, MAX_ENTRY_BYTES - ENTRY_FRAME_BYTES],
  ].find(([bytes = 0, most = 0]) => bytes > most)
  if (over === undefined) return
  const [bytes = 0, most = 0] = over
  throw cliError('cli.order-too-long', { bytes, most })
}
