/** The limits of `/muster/catalog/1`, each with its reason. */
import { KIB, MIB } from '../../shared/units.ts'
import type { Limits } from '../rpc/define-protocol.ts'

export const limits: Limits = {
  maxRequestBytes: 8 * KIB,
  // A folder of 100,000 names.
  maxResponseBytes: 16 * MIB,
  maxProgressBytes: 1 * KIB,
  callMs: 30_000,
  idleMs: 120_000,
  stallMs: 30_000,
  maxInboundStreams: 8,
  maxOutboundStreams: 8,
  // dnf requests a few hundred packages in one transaction.
  quota: { burst: 2000, perSecond: 500 },
}
