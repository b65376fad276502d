/** The limits of `/muster/providers/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // 1,000 holdings of 80 bytes, some with ranges.
  maxRequestBytes: 256 * KIB,
  // 64 blobs with 32 providers of some 150 bytes each, some with ranges.
  maxResponseBytes: 2 * MIB,
  maxProgressBytes: 0,
  callMs: 30_000,
  idleMs: 60_000,
  stallMs: 30_000,
  // One stream stays open, and a second one opens after a reconnect.
  maxInboundStreams: 4,
  maxOutboundStreams: 4,
  // A new pool of 40,000 blobs needs 40 announcements. A sync of 40,000 blobs sends 625 requests.
  quota: { burst: 1_000, perSecond: 50 },
}
