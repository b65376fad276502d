/** Issues the coordinator's own certificate at the start, and again before it expires. */
import type { Signed } from '../../shared/trust/signed.ts'
import type { Certificates } from './certificates.ts'

export interface OwnCertificate {
  current(): Signed
  /** Issues a new certificate. If this fails, the current one stays. */
  renew(): Promise<void>
}

export async function openOwnCertificate(
  deps: { readonly certificates: Pick<Certificates, 'forCoordinator'> },
  node: { readonly publicKey: Uint8Array; readonly name: string },
): Promise<OwnCertificate> {
  // Owned by renew().
  let certificate = await deps.certificates.forCoordinator(node)
  return {
    current: () => certificate,
    renew: async () => {
      certificate = await deps.certificates.forCoordinator(node)
    },
  }
}
