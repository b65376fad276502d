/**
 * Keeps this host connected to a coordinator. It dials the known coordinators in order and requests
 * a certificate on each new connection. After the connection ends, it dials again with growing
 * pauses. The pauses have jitter, so that the hosts of a fleet do not reconnect at the same moment
 * (TR-13).
 */
import { enrollRefusal } from '../../protocols/enroll/errors.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Random } from '../../shared/random.ts'
import { isStorageFailure } from '../../shared/storage/storage-error.ts'
import { type AdmissionDeps, becomeMember, type HostOptions } from './admission.ts'
import { reconnectPauseMs } from './reconnect.ts'
import { ATTEMPT_MS, openSession, type Session } from './session.ts'

/**
 * The interval of requests while a host waits for approval. The enrolment quota allows twice as
 * many.
 */
const PENDING_MS = 5_000
/** A shorter connection counts as a failure, so that the pauses grow. */
const LASTED_MS = 30_000
/** A shorter connection does not show that a coordinator is running. */
const MET_MS = 5_000
/** The errors of a coordinator whose disk is full. */
const COORDINATOR_DISK: ReadonlySet<string> = new Set(['database.full', 'ledger.storage'])

export interface LinkDeps extends AdmissionDeps {
  readonly random: Random
}

export interface LinkOptions extends HostOptions {
  /** 32 hexadecimal digits that are new at each start of the agent. */
  readonly instance: string
}

export interface LinkEvents {
  /** Called with the coordinator's peer id each time this host has connected as a member. */
  readonly onConnected: (coordinator: string) => void | Promise<void>
  /** Called once each time this host begins to wait for an operator's approval. */
  readonly onPending: () => void
}

export interface Link {
  /** Returns the coordinator to which this host is connected as a member, or undefined. */
  coordinator(): string | undefined
  /** Requests from the coordinator the roots and revocations that this host lacks. */
  pull(): void
  /**
   * Runs until the signal aborts. Rejects if another attempt cannot help: this host was revoked, or
   * another host has its id, key or name.
   */
  run(signal: AbortSignal, events: LinkEvents): Promise<void>
}

interface State {
  session: Session | undefined
  /** The end of the last connection that was longer than MET_MS. */
  metAt: number | undefined
}

type Attempt = 'lasted' | 'dropped' | 'pending' | 'failed'

export function createLink(deps: LinkDeps, options: LinkOptions): Link {
  const state: State = { session: undefined, metAt: undefined }
  return {
    coordinator: () => state.session?.coordinator,
    pull: () => state.session?.pull(),
    async run(signal, events) {
      const { clock } = deps
      let failures = 0
      let isPending = false
      while (!signal.aborted) {
        const result = await attemptAll(deps, options, { state, events }, signal)
        if (result === 'pending' && !isPending) events.onPending()
        isPending = result === 'pending'
        failures = result === 'failed' || result === 'dropped' ? failures + 1 : 0
        const awayMs = state.metAt === undefined ? undefined : clock.monotonic() - state.metAt
        const pauseMs = isPending ? PENDING_MS : reconnectPauseMs(deps, { failures, awayMs })
        await clock.sleep(pauseMs, signal).catch(() => undefined)
      }
    },
  }
}

/** Tries each coordinator until one admits this host or asks it to wait. */
async function attemptAll(
  deps: LinkDeps,
  options: LinkOptions,
  link: { readonly state: State; readonly events: LinkEvents },
  signal: AbortSignal,
): Promise<Attempt> {
  for (const address of options.identity.coordinators) {
    try {
      return await attempt(deps, { ...options, address }, link, signal)
    } catch (error) {
      if (signal.aborted) return 'failed'
      if (enrollRefusal.is(error)) throw error
      deps.log.warn({ address, error }, failureText(error))
    }
  }
  return 'failed'
}

/** Connects to one coordinator, and returns when the connection has ended. */
async function attempt(
  deps: LinkDeps,
  options: LinkOptions & { readonly address: string },
  { state, events }: { readonly state: State; readonly events: LinkEvents },
  signal: AbortSignal,
): Promise<Attempt> {
  const { clock, log } = deps
  const limit = AbortSignal.any([signal, clock.timeout(ATTEMPT_MS)])
  const coordinator = await becomeMember(deps, options, limit)
  if (coordinator === undefined) return 'pending'
  const since = clock.monotonic()
  log.info({ coordinator, address: options.address }, 'connected')
  const session = openSession(deps, options, coordinator, signal)
  state.session = session
  try {
    await events.onConnected(coordinator)
    await session.ended
  } finally {
    session.close()
    state.session = undefined
  }
  if (signal.aborted) return 'lasted'
  log.warn({ coordinator }, 'connection ended')
  const now = clock.monotonic()
  if (now - since >= MET_MS) state.metAt = now
  return now - since < LASTED_MS ? 'dropped' : 'lasted'
}

/**
 * Describes a failed attempt. Not every failure is an absent coordinator: it can be a refusal, a
 * wrong signature or a full disk.
 */
function failureText(error: unknown): string {
  if (isStorageFailure(error)) return 'this host cannot store what it needs to connect'
  if (error instanceof MusterError && COORDINATOR_DISK.has(codeOf(error)))
    return 'the coordinator cannot store what it needs to admit this host'
  return error instanceof MusterError && error.exit !== 'unreachable'
    ? 'the coordinator did not admit this host'
    : 'coordinator cannot be reached'
}

/**
 * Returns the error code. Some processes lack the coordinator's error tables. They get the code as
 * data of `protocol.refused`.
 */
function codeOf({ code, data }: MusterError): string {
  return code === 'protocol.refused' ? String(data['code']) : code
}
