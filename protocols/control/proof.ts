/**
 * What the ephemeral key of a session signs: this nonce, for this coordinator, and nothing that any
 * other protocol could ask to be signed.
 */
export const PROOF_TYPE = 'muster/session-proof/v1'

export function proofBytes(nonce: Uint8Array, coordinatorPeerId: string): Uint8Array {
  return Buffer.concat([nonce, Buffer.from(coordinatorPeerId)])
}
