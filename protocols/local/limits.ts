/** Bounds of `/muster/local/1`, each with its reason. */
import { KIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  maxRequestBytes: 4 * KIB,
  // A thousand providers.
  maxResponseBytes: 256 * KIB,
  maxProgressBytes: 1 * KIB,
  // Until a blob of any size has come from wherever it is; stalls end it, not its length.
  callMs: Number.POSITIVE_INFINITY,
  idleMs: 60_000,
  // A fetch from a slow peer may take this long between two pieces before it is given up.
  stallMs: 300_000,
  maxInboundStreams: 16,
  maxOutboundStreams: 16,
  // The node's own user: a script that adds many files.
  quota: { burst: 10_000, perSecond: 2_000 },
}
