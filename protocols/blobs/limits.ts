/** The limits of `/muster/blobs/1`, each with its reason. */
import { KIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // 256 ids of 66 bytes.
  maxRequestBytes: 20 * KIB,
  // 256 holdings, a few of them with 64 ranges of 25 bytes each.
  maxResponseBytes: 512 * KIB,
  maxProgressBytes: 0,
  // The largest range of one call (64 MiB) takes 9 minutes at 1 Mbit/s.
  callMs: 15 * 60_000,
  idleMs: 120_000,
  // A reader that accepts less than 256 KiB in this time has failed, or its disk has.
  stallMs: 60_000,
  // Each of eight concurrent fetches keeps two requests open with one provider. The same number may
  // be closed on one side and still open on the other for a round trip. A fetch that reaches the
  // limit treats its provider as busy.
  maxInboundStreams: 32,
  maxOutboundStreams: 32,
  // A sync of 40,000 small packages sends a request for each one. A fetch of a large blob requests
  // 16 MiB at a time.
  quota: { burst: 4_000, perSecond: 1_000 },
}
