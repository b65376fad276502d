/**
 * The bytes that a session's ephemeral key signs: the nonce and the coordinator, with a type that
 * no other protocol signs.
 */
export const PROOF_TYPE = 'muster/session-proof/v1'

export function proofBytes(nonce: Uint8Array, coordinatorPeerId: string): Uint8Array {
  return Buffer.concat([nonce, Buffer.from(coordinatorPeerId)])
}
