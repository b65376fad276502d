/** The limits of `/muster/local/1`, each with its reason. */
import { KIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  maxRequestBytes: 4 * KIB,
  // A thousand providers.
  maxResponseBytes: 256 * KIB,
  maxProgressBytes: 1 * KIB,
  // A fetch of any size may take as long as it needs. Only a stall ends it.
  callMs: Number.POSITIVE_INFINITY,
  idleMs: 60_000,
  // A fetch from a slow peer may pause this long before it is cancelled.
  stallMs: 300_000,
  maxInboundStreams: 16,
  maxOutboundStreams: 16,
  // All callers are the node's own user, for example a script that adds many files.
  quota: { burst: 10_000, perSecond: 2_000 },
}
