/** Signs the statements about this host's packages. */
import type { FactCollection } from '../../shared/facts/collection.ts'
import { factsBody, type FactUpdate } from '../../shared/facts/update.ts'
import type { AgentId, FleetId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import { signStatement, type Signed } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Journal } from './journal.ts'

/** A collection and its signed statement. */
export interface SignedCollection {
  readonly collection: FactCollection
  readonly collectionStatement: ReturnType<typeof toWire>
}

export interface SignedUpdate {
  readonly signed: Signed
  /** The bytes of the set, if the update is `full`. */
  readonly payload: Uint8Array | undefined
}

export interface SignerOptions {
  readonly fleet: FleetId
  readonly agent: AgentId
}

export interface FactsSigner {
  sign(update: FactUpdate): Promise<SignedUpdate>
  /** Signs a collection. The statement contains the newest position of the journal. */
  signCollection(collection: FactCollection): Promise<SignedCollection>
}

export function createFactsSigner(
  deps: { readonly key: Signer; readonly journal: Journal },
  options: SignerOptions,
): FactsSigner {
  const { key, journal } = deps
  const { fleet, agent } = options
  return {
    async sign(update) {
      const { body, payload } = factsBody(update)
      return { signed: await signStatement(key, 'facts', { fleet, agent, ...body }), payload }
    },
    async signCollection(collection) {
      const { epoch, sequence } = journal.position() ?? { epoch: 0, sequence: 0 }
      const body = { fleet, agent, ...collection, epoch, sequence }
      const signed = await signStatement(key, 'collection', body)
      return { collection, collectionStatement: toWire(signed) }
    },
  }
}
