/** The limits of `/muster/facts/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // Two statements of at most 48 KiB, and a collection of at most 32.
  maxRequestBytes: 160 * KIB,
  // 256 statements of events. More are sent as one full set.
  maxResponseBytes: 4 * MIB,
  maxProgressBytes: 1 * KIB,
  callMs: 60_000,
  idleMs: 30_000,
  stallMs: 30_000,
  maxInboundStreams: 4,
  maxOutboundStreams: 4,
  // A transaction of the package manager causes one update. A gap causes one pull.
  quota: { burst: 60, perSecond: 2 },
}
