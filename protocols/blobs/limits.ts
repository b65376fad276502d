/** Bounds of `/muster/blobs/1`, each with its reason. */
import { KIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // 256 ids of 66 bytes.
  maxRequestBytes: 20 * KIB,
  // 256 holdings; 64 ranges of 25 bytes each for a few of them.
  maxResponseBytes: 512 * KIB,
  maxProgressBytes: 0,
  // The largest range that is asked for at once (64 MiB) over a line of 1 Mbit/s takes 9 minutes.
  callMs: 15 * 60_000,
  idleMs: 120_000,
  // A reader that takes no 256 KiB in this time is gone, or its disk is.
  stallMs: 60_000,
  // Eight fetches at once keep two requests each under way with one provider. As many again may be
  // closed on one side only: the other hears of it a round trip later, and a fetch that meets the
  // bound takes its provider for busy.
  maxInboundStreams: 32,
  maxOutboundStreams: 32,
  // A sync of 40,000 small packages asks for each once; a fetch of a large blob for 16 MiB at a
  // time.
  quota: { burst: 4_000, perSecond: 1_000 },
}
