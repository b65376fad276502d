/** The limits of `/muster/enroll/1`, each with its reason. */
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
  // A host that waits for approval sends its next request on a new stream.
  idleMs: 10_000,
  stallMs: 10_000,
  maxInboundStreams: 2,
  maxOutboundStreams: 2,
  // Each guess at the secret costs one hash. A burst of ten calls, then one call every two seconds,
  // is more than a waiting host needs (ID-11).
  quota: { burst: 10, perSecond: 0.5 },
}
