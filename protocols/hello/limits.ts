/** The limits of `/muster/hello/1`, each with its reason. */
import { KIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // A certificate statement of at most 48 KiB with its key and signature.
  maxRequestBytes: 64 * KIB,
  maxResponseBytes: 64 * KIB,
  maxProgressBytes: 0,
  // One signature check, and time for a busy host.
  callMs: 10_000,
  idleMs: 10_000,
  stallMs: 10_000,
  // A side calls once when a connection opens, and again after it renewed its certificate. Both
  // sides may start at the same time.
  maxInboundStreams: 2,
  maxOutboundStreams: 2,
  // Peers without a certificate may call this, and each call costs a signature check.
  quota: { burst: 10, perSecond: 0.2 },
}
