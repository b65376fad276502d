/**
 * Reads the collection that a host reports. Current agents sign it. An older agent sends it without
 * a signature.
 */
import { factsRefusal } from '../../protocols/facts/errors.ts'
import { type FactCollection, factCollection } from '../../shared/facts/collection.ts'
import type { FleetId } from '../../shared/ids.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { fromWire, type toWire } from '../../shared/trust/transport.ts'
import type { AgentRecord } from '../registry/agents.ts'
import { inventoryError } from './errors.ts'

export interface ReportedCollection {
  readonly collection?: FactCollection | undefined
  readonly collectionStatement?: ReturnType<typeof toWire> | undefined
}

/**
 * Returns the collection. Undefined if the host reported none.
 * @throws trust.*, inventory.not-theirs, inventory.refused
 */
export function readReported(
  agent: AgentRecord,
  { collection, collectionStatement }: ReportedCollection,
  fleet: FleetId,
): FactCollection | undefined {
  if (collectionStatement === undefined) return collection
  const signed = fromWire(collectionStatement)
  const statement = readSigned(signed, 'collection', { fleet })
  if (statement.agent !== agent.id || !Buffer.from(signed.key).equals(agent.publicKey))
    throw inventoryError('inventory.not-theirs', { host: agent.name })
  const parsed = factCollection.safeParse(statement)
  if (parsed.success) return parsed.data
  const reason = `its collection is malformed: ${parsed.error.issues[0]?.message ?? 'unknown'}`
  throw factsRefusal('inventory.refused', { host: agent.name, reason })
}
