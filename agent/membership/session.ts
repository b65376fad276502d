/**
 * The tasks of a host while it is connected to a coordinator. It renews its certificate after half
 * of its lifetime, and requests the roots and revocations that it lacks.
 */
import type { MusterNode } from '../../node/node.ts'
import { enroll } from '../../protocols/enroll/protocol.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { VERSION } from '../../shared/version.ts'
import {
  type AdmissionDeps,
  type HostOptions,
  keepCertificate,
  requestAdmission,
} from './admission.ts'

/** The time limit of one attempt, with handshake and certificate. */
export const ATTEMPT_MS = 20_000
/** Half of the lifetime of a certificate. */
const RENEW_MS = 12 * 3_600_000
/**
 * Gossip delivers roots and revocations within a second, but messages can be lost. This interval
 * limits how long a revoked host stays a member here.
 */
const PULL_MS = 5 * 60_000

export interface Session {
  /** The peer id of the coordinator. */
  readonly coordinator: string
  /** Requests roots and revocations, unless a request is already running. */
  pull(): void
  /** Resolves when the connection has ended, the signal aborts, or {@link close} is called. */
  readonly ended: Promise<void>
  /** Ends the tasks. The connection stays open. */
  close(): void
}

export function openSession(
  deps: AdmissionDeps,
  host: HostOptions,
  coordinator: string,
  signal: AbortSignal,
): Session {
  const { node, clock } = deps
  const ended = Promise.withResolvers<void>()
  const pull = puller(deps, host, coordinator, signal)
  const stops = [
    node.on('disconnect', (peer) => {
      if (peer === coordinator) close()
    }),
    clock.every(RENEW_MS, () => void renewOrReconnect(deps, coordinator, signal)),
    clock.every(PULL_MS, pull),
    () => signal.removeEventListener('abort', close),
  ]
  function close(): void {
    for (const stop of stops.splice(0)) stop()
    ended.resolve()
  }
  signal.addEventListener('abort', close, { once: true })
  if (signal.aborted || node.peer(coordinator) === undefined) close()
  return { coordinator, pull, ended: ended.promise, close }
}

/** Returns a function that pulls. At most one request runs at a time. */
function puller(
  deps: AdmissionDeps,
  host: HostOptions,
  coordinator: string,
  signal: AbortSignal,
): () => void {
  let isPulling = false
  const pull = async (): Promise<void> => {
    const limit = AbortSignal.any([signal, deps.clock.timeout(ATTEMPT_MS)])
    try {
      await requestAdmission(deps, host, coordinator, limit)
    } catch (error) {
      if (!signal.aborted)
        deps.log.warn({ coordinator, error }, 'cannot get roots and revocations; will try again')
    }
  }
  return () => {
    if (isPulling) return
    isPulling = true
    void pull().finally(() => {
      isPulling = false
    })
  }
}

/**
 * Renews the certificate. If that fails, the host reconnects and gets a new one. The old
 * certificate stays valid for the second half of its lifetime.
 */
async function renewOrReconnect(
  deps: AdmissionDeps,
  coordinator: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await renewCertificate(deps, coordinator, signal)
  } catch (error) {
    deps.log.warn({ coordinator, error }, 'cannot renew the certificate; connecting again')
    await disconnect(deps, coordinator)
  }
}

async function disconnect(
  { node, log }: { readonly node: MusterNode; readonly log: AdmissionDeps['log'] },
  coordinator: string,
): Promise<void> {
  try {
    await node.peer(coordinator)?.close()
  } catch (error) {
    log.warn({ coordinator, error }, 'cannot close the connection')
  }
}

/** Gets a certificate over the open connection, so that its streams continue. */
async function renewCertificate(
  deps: AdmissionDeps,
  coordinator: string,
  signal: AbortSignal,
): Promise<void> {
  const { node, clock, log } = deps
  const limit = AbortSignal.any([signal, clock.timeout(ATTEMPT_MS)])
  const client = openClient(enroll, await node.open(coordinator, enroll.id, limit), deps)
  const addresses = node.addresses().slice(0, 16)
  const { certificate } = await client
    .call('renew', { version: VERSION, addresses }, { signal: limit })
    .finally(() => void client.close().catch(() => undefined))
  await keepCertificate(deps, certificate)
  await node.reintroduce()
  log.info({ coordinator }, 'certificate renewed')
}
