/** The credentials that an agent sends to other nodes, and the check of their certificates. */
import type { Credentials } from '../../node/membership/membership.ts'
import type { TrustState } from '../../node/membership/trust-state.ts'
import type { Clock } from '../../shared/clock.ts'
import { checkCertificate } from '../../shared/trust/credentials.ts'

/** Returns the credentials. Every check uses the newest root and revocations of the trust state. */
export function createAgentCredentials(deps: {
  readonly trust: TrustState
  readonly clock: Clock
}): Credentials {
  const { trust, clock } = deps
  return {
    own: () => trust.certificate(),
    check: (other) =>
      checkCertificate(other, {
        root: trust.root().root,
        revocations: trust.revocations().accepted,
        at: clock.now(),
      }),
  }
}
