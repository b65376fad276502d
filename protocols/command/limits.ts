/** The limits of `/muster/command/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  // The intent, the entry (64 KiB), proofs, roots, grants, up to 1,024 revocations, and the values
  // (144 KiB with their salts).
  maxRequestBytes: 2 * MIB,
  // The states of a thousand runs.
  maxResponseBytes: 1 * MIB,
  maxProgressBytes: 1 * KIB,
  // perform has its own limit, because a stop waits for its grace period.
  callMs: 30_000,
  idleMs: 60_000,
  stallMs: 10_000,
  maxInboundStreams: 32,
  maxOutboundStreams: 32,
  quota: { burst: 500, perSecond: 100 },
}
