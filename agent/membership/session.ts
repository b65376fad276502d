/**
 * The work of a host on its connection to a coordinator: it renews its certificate at half of its
 * life, and asks for roots and revocations that it lacks.
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

/** One attempt, with handshake and certificate. */
export const ATTEMPT_MS = 20_000
/** Half of the life of a certificate. */
const RENEW_MS = 12 * 3_600_000
/**
 * Gossip brings roots and revocations within a second, but can lose them. This limits for how long
 * a revoked host stays a member here.
 */
const PULL_MS = 5 * 60_000

export interface Session {
  /** The peer id of the coordinator. */
  readonly coordinator: string
  /** Asks for roots and revocations, unless a request is already running. */
  pull(): void
  /** Resolves when the connection has ended, the signal aborts, or {@link close} is called. */
  readonly ended: Promise<void>
  /** Ends the work. The connection stays. */
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

/** At most one request at a time. */
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
 * If the renewal fails, the old certificate is valid for half of its life, and the next connection
 * gets a new one.
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
