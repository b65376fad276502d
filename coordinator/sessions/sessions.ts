/**
 * Opens sessions of operators. A session binds one duplex to an operator. The operator's SSH key
 * signs a delegation to an ephemeral key, and the ephemeral key signs this duplex's nonce. A
 * session proves only the caller's identity. Each request is checked against the grants.
 */
import type { DuplexPeer, OperatorSession } from '../../protocols/rpc/peer.ts'
import { PROOF_TYPE, proofBytes } from '../../protocols/control/proof.ts'
import { type Clock, parseRfc3339 } from '../../shared/clock.ts'
import { defineErrors } from '../../shared/errors.ts'
import { verifyEd25519 } from '../../shared/identity/ed25519.ts'
import type { FleetId } from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { checkSession } from '../../shared/trust/credentials.ts'
import { pae } from '../../shared/trust/dsse.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Access } from '../registry/access.ts'

export const sessionError = defineErrors({
  'session.not-begun': {
    exit: 'denied',
    message: () => 'session.open came without session.begin on the same stream',
  },
  'session.bad-proof': {
    exit: 'denied',
    message: () => 'the proof does not belong to the delegated key and this session',
  },
})

export interface Sessions {
  /** Returns a nonce for this duplex. A second call replaces the first nonce. */
  begin(peer: DuplexPeer): Uint8Array
  /** Sets the duplex's session. @throws session.*, trust.* */
  open(peer: DuplexPeer, delegation: Signed, proof: Uint8Array): Promise<OperatorSession>
}

export function createSessions(
  deps: { access: Access; clock: Clock; random: Random },
  options: { fleet: FleetId; coordinator: string },
): Sessions {
  const nonces = new WeakMap<DuplexPeer, Uint8Array>()
  return {
    begin(peer) {
      const nonce = deps.random.bytes(32)
      nonces.set(peer, nonce)
      return nonce
    },

    async open(peer, delegation, proof) {
      const nonce = nonces.get(peer)
      if (nonce === undefined) throw sessionError('session.not-begun')
      // A failed attempt also uses the nonce up. A second attempt needs a new nonce.
      nonces.delete(peer)
      const { revocations } = await deps.access.state()
      const session = checkSession(delegation, {
        fleet: options.fleet,
        coordinator: options.coordinator,
        revocations,
        at: deps.clock.now(),
      })
      const key = Buffer.from(session.key, 'base64')
      if (!verifyEd25519(key, pae(PROOF_TYPE, proofBytes(nonce, options.coordinator)), proof))
        throw sessionError('session.bad-proof')
      peer.session = { operator: session.actor, notAfter: parseRfc3339(session.notAfter) }
      return peer.session
    },
  }
}
