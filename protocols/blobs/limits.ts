/** Bounds of `/muster/blobs/1`, each with its reason. */
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
  // Eight concurrent fetches keep two requests each open with one provider. As many again may be
  // closed on one side only, because the other side learns of it a round trip later. A fetch that
  // meets the bound treats its provider as busy.
  maxInboundStreams: 32,
  maxOutboundStreams: 32,
  // A sync of 40,000 small packages asks for each once. A fetch of a large blob asks for 16 MiB at
  // a time.
  quota: { burst: 4_000, perSecond: 1_000 },
}
