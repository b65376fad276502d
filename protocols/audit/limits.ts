/** The limits of `/muster/audit/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  maxRequestBytes: 1 * KIB,
  // 256 entries of 64 KiB.
  maxResponseBytes: 17 * MIB,
  maxProgressBytes: 1 * KIB,
  callMs: 30_000,
  idleMs: 60_000,
  stallMs: 30_000,
  maxInboundStreams: 4,
  maxOutboundStreams: 4,
  // An observer reads a log of a million entries in 4,000 calls.
  quota: { burst: 200, perSecond: 50 },
}
