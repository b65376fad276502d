/** The limits of `/muster/control/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // An intent of 48 KiB and up to 256 values: 128 KiB with their names, and 16 KiB of salts.
  maxRequestBytes: 256 * KIB,
  // The package list of one host: 5,000 packages of 200 bytes. Longer results are sent as
  // downloads.
  maxResponseBytes: 16 * MIB,
  maxProgressBytes: 16 * KIB,
  // A query returns quickly or fails. operate and run.output have their own limits.
  callMs: 60_000,
  // The command line sends its next request within a second, or has ended.
  idleMs: 60_000,
  // A reader that paused (Ctrl-S, a pager) keeps its stream for a while. It blocks no other caller.
  stallMs: 3_600_000,
  maxInboundStreams: 16,
  maxOutboundStreams: 16,
  // Scripts call `process status` in a loop: four calls each time.
  quota: { burst: 1000, perSecond: 200 },
}
