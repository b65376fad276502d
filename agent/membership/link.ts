/**
 * Keeps this host connected to a coordinator: dials the ones it knows in turn, asks for a fresh
 * certificate on every new connection, and dials again with growing pauses when the connection
 * ends. A fleet that lost its coordinator comes back spread over the jitter of the pauses (TR-13).
 */
import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import type { MusterNode } from '../../node/node.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import type { Clock } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import { VERSION } from '../../shared/version.ts'
import { askForNews, becomeMember, keepCertificate } from './admission.ts'
import type { AgentIdentity } from '../home/identity.ts'
import { reconnectPauseMs } from './reconnect.ts'

/**
 * A host that waits for approval asks again this often: the enrolment quota allows twice as much.
 */
const PENDING_MS = 5_000
/**
 * A connection that lasted for so long was one. A coordinator that drops whom it lets in is waited
 * for like one that does not answer.
 */
const LASTED_MS = 30_000
/** One that lasted for so long shows that there is a coordinator, which is worth waiting for. */
const MET_MS = 5_000
/** One attempt, handshake and certificate included. */
const ATTEMPT_MS = 20_000
/** A connection that stays is asked for a new certificate at the old one's half-life. */
const RENEW_MS = 12 * 3_600_000
/**
 * Roots and revocations are asked for again this often. Gossip brings them within a second, but it
 * may lose any, and a host that is flooded drops what comes: this bounds for how long a revoked
 * host stays a member here.
 */
const PULL_MS = 5 * 60_000
/** What a coordinator whose own disk is full answers with. */
const COORDINATOR_DISK: ReadonlySet<string> = new Set(['database.full', 'ledger.storage'])

export interface LinkDeps {
  readonly node: MusterNode
  readonly trust: TrustState
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Called when this host's disk did not take something. */
  readonly onStorageFailure?: () => void
}

export interface LinkOptions {
  readonly identity: AgentIdentity
  readonly claims: Readonly<Record<string, string>>
  /** 32 hexadecimal digits, drawn anew at each start of the agent. */
  readonly instance: string
}

export interface LinkEvents {
  /** Called with the coordinator's peer id each time this host has connected as a member. */
  readonly onConnected: (coordinator: string) => void | Promise<void>
  /** Called once for each spell of waiting for an operator. */
  readonly onPending: () => void
}

export interface Link {
  /** The coordinator that this host is connected to as a member; undefined while there is none. */
  coordinator(): string | undefined
  /**
   * Asks it for roots and revocations that this host lacks; at once, unless it is being asked
   * already.
   */
  pull(): void
  /**
   * Runs until the signal aborts. Rejects where it makes no sense to go on: this host was revoked,
   * or another one has its id, key or name.
   */
  run(signal: AbortSignal, events: LinkEvents): Promise<void>
}

export function createLink(deps: LinkDeps, options: LinkOptions): Link {
  const { node, clock, log } = deps
  const { identity, claims, instance } = options
  // Owned by run().
  let coordinator: string | undefined
  // Owned by attempt(): when the last connection that was one ended.
  let metAt: number | undefined
  // Owned by untilDisconnected().
  let pullNow = (): void => undefined

  /** A fresh certificate on the connection that there is, so that streams over it go on. */
  const renew = async (peerId: string, signal: AbortSignal): Promise<void> => {
    const limit = AbortSignal.any([signal, clock.timeout(ATTEMPT_MS)])
    const client = openClient(enroll, await node.open(peerId, enroll.id, limit), deps)
    const { certificate } = await client
      .call(
        'renew',
        { version: VERSION, addresses: node.addresses().slice(0, 16) },
        { signal: limit },
      )
      .finally(() => void client.close().catch(() => undefined))
    await keepCertificate(deps, certificate)
    await node.reintroduce()
    log.info({ coordinator: peerId }, 'certificate renewed')
  }

  const untilDisconnected = (peerId: string, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const ended = (): void => {
        off()
        stopRenewing()
        stopPulling()
        pullNow = () => undefined
        signal.removeEventListener('abort', ended)
        resolve()
      }
      const off = node.on('disconnect', (peer) => {
        if (peer === peerId) ended()
      })
      // The old certificate still holds for half its life if this fails; a new connection brings a
      // new one in any case.
      const stopRenewing = clock.every(RENEW_MS, () => {
        renew(peerId, signal).catch(async (error: unknown) => {
          log.warn(
            { coordinator: peerId, error },
            'the certificate was not renewed; connecting anew',
          )
          await node
            .peer(peerId)
            ?.close()
            .catch((failure: unknown) =>
              log.warn({ coordinator: peerId, error: failure }, 'connection did not end well'),
            )
        })
      })
      let pulling = false
      pullNow = () => {
        if (pulling) return
        pulling = true
        askForNews(
          deps,
          { identity, claims, instance },
          peerId,
          AbortSignal.any([signal, clock.timeout(ATTEMPT_MS)]),
        )
          .catch((error: unknown) => {
            if (!signal.aborted)
              log.warn(
                { coordinator: peerId, error },
                'the coordinator did not say what was revoked; it is asked again',
              )
          })
          .finally(() => {
            pulling = false
          })
      }
      const stopPulling = clock.every(PULL_MS, () => pullNow())
      signal.addEventListener('abort', ended, { once: true })
      if (signal.aborted || node.peer(peerId) === undefined) ended()
    })

  const attempt = async (
    signal: AbortSignal,
    events: LinkEvents,
  ): Promise<'lasted' | 'dropped' | 'pending' | 'failed'> => {
    for (const address of identity.coordinators) {
      try {
        const peerId = await becomeMember(
          deps,
          { identity, claims, instance, address },
          AbortSignal.any([signal, clock.timeout(ATTEMPT_MS)]),
        )
        if (peerId === undefined) return 'pending'
        coordinator = peerId
        const since = clock.monotonic()
        log.info({ coordinator: peerId, address }, 'connected')
        await events.onConnected(peerId)
        await untilDisconnected(peerId, signal)
        coordinator = undefined
        if (signal.aborted) return 'lasted'
        log.warn({ coordinator: peerId }, 'connection ended')
        const now = clock.monotonic()
        if (now - since >= MET_MS) metAt = now
        return now - since < LASTED_MS ? 'dropped' : 'lasted'
      } catch (error) {
        coordinator = undefined
        if (signal.aborted) return 'failed'
        if (enrollRefusal.is(error)) throw error
        log.warn({ address, error }, failureWords(error))
      }
    }
    return 'failed'
  }

  return {
    coordinator: () => coordinator,
    pull: () => pullNow(),
    async run(signal, events) {
      let failures = 0
      let pending = false
      while (!signal.aborted) {
        const result = await attempt(signal, events)
        if (result === 'pending' && !pending) events.onPending()
        pending = result === 'pending'
        failures = result === 'failed' || result === 'dropped' ? failures + 1 : 0
        const awayMs = metAt === undefined ? undefined : clock.monotonic() - metAt
        const pauseMs = pending ? PENDING_MS : reconnectPauseMs(deps, { failures, awayMs })
        await clock.sleep(pauseMs, signal).catch(() => undefined)
      }
    },
  }
}

/** A refusal, a wrong signature or a disk that fails is not an absent coordinator. */
function failureWords(error: unknown): string {
  if (isStorageFailure(error)) return 'this host cannot store what it needs to connect'
  if (error instanceof MusterError && COORDINATOR_DISK.has(codeOf(error)))
    return 'the coordinator cannot store what it needs to admit this host'
  return error instanceof MusterError && error.exit !== 'unreachable'
    ? 'the coordinator did not admit this host'
    : 'coordinator cannot be reached'
}

/** A process without the coordinator's tables of errors gets a refusal with its code. */
function codeOf({ code, data }: MusterError): string {
  return code === 'protocol.refused' ? String(data['code']) : code
}
