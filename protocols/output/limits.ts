/** The limits of `/muster/output/1`, each with its reason. */
import { KIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  maxRequestBytes: 1 * KIB,
  maxResponseBytes: 4 * KIB,
  maxProgressBytes: 1 * KIB,
  // A call may take until the run ends.
  callMs: Number.POSITIVE_INFINITY,
  idleMs: 10_000,
  // An operator may pause the stream with Ctrl-S. The run is not affected.
  stallMs: 3_600_000,
  maxInboundStreams: 64,
  maxOutboundStreams: 64,
  quota: { burst: 200, perSecond: 50 },
}
