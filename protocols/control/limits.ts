/** Bounds of `/muster/control/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // An intent of 48 KiB, and up to 256 values beside it: 128 KiB with their names, 16 KiB of salts.
  maxRequestBytes: 256 * KIB,
  // The package list of one host: 5,000 packages of 200 bytes. Longer answers are downloads.
  maxResponseBytes: 16 * MIB,
  maxProgressBytes: 16 * KIB,
  // Queries answer at once or not at all; operate and run.output state their own.
  callMs: 60_000,
  // The command line asks again within a second or is gone.
  idleMs: 60_000,
  // A reader that stopped reading (Ctrl-S, a pager) keeps its stream for a while: nobody else waits
  // for it.
  stallMs: 3_600_000,
  maxInboundStreams: 16,
  maxOutboundStreams: 16,
  // Scripts loop over `process status`: four calls each.
  quota: { burst: 1000, perSecond: 200 },
}
