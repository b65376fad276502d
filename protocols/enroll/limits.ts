/** Bounds of `/muster/enroll/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // A token, a name and 32 claims of 256 bytes.
  maxRequestBytes: 32 * KIB,
  // 64 root statements of a dozen operators and a certificate.
  maxResponseBytes: 1 * MIB,
  // The protocol sends no progress.
  maxProgressBytes: 1 * KIB,
  // One transaction on a busy database.
  callMs: 30_000,
  // A candidate that waits for approval asks again on a new stream.
  idleMs: 10_000,
  stallMs: 10_000,
  maxInboundStreams: 2,
  maxOutboundStreams: 2,
  // Each guess of a stranger at a 256-bit secret costs one hash. Ten at once and one in two seconds
  // are more than a waiting host needs (ID-11).
  quota: { burst: 10, perSecond: 0.5 },
}
