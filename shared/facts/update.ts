/**
 * Converts one change of a host's facts between the journal and the signed statement. A statement
 * contains small changes as events. For other changes, it contains the id of the full set's blob.
 */
import { canonicalJson } from '../canonical-json.ts'
import { blobId, sha256Hex } from '../ids.ts'
import type { BlobId } from '../ids.ts'
import type { FactsStatement } from '../trust/facts-statement.ts'
import { KIB } from '../units.ts'
import { factsError } from './errors.ts'
import { factEventSchema } from './events.ts'
import type { FactEvent } from './events.ts'
import { factSetBytes, parseFactSet } from './package-set.ts'
import type { FactSet } from './package-set.ts'

/**
 * A position in a host's history. A new journal begins a new epoch. In an epoch, sequence numbers
 * have no gaps.
 */
export type FactPosition = {
  readonly epoch: number
  readonly sequence: number
}

type UpdateBase = FactPosition & {
  /** The root of the full set after this update. */
  readonly root: BlobId
  /** The time of the collection, RFC 3339, for people. (epoch, sequence) defines the order. */
  readonly at: string
}

export type FactUpdate =
  | (UpdateBase & { readonly kind: 'events'; readonly events: readonly FactEvent[] })
  | (UpdateBase & { readonly kind: 'full'; readonly set: FactSet })

/**
 * The maximum bytes of events as canonical JSON in a statement. With its other fields, a statement
 * has at most 48 KiB.
 */
export const MAX_INLINE_BYTES = 40 * KIB
/** The maximum number of events in one statement. */
export const MAX_INLINE_EVENTS = 1000

export type FactsBody = Omit<FactsStatement, 'type' | 'fleet' | 'agent'>

/** True if the events fit into a statement. */
export function fitsInline(events: readonly FactEvent[]): boolean {
  return (
    events.length <= MAX_INLINE_EVENTS &&
    Buffer.byteLength(canonicalJson(events)) <= MAX_INLINE_BYTES
  )
}

/** Returns the statement to sign for an update, and the bytes of its blob if it has one. */
export function factsBody(update: FactUpdate): {
  body: FactsBody
  payload: Uint8Array | undefined
} {
  const { epoch, sequence, at } = update
  const base = { epoch, sequence, root: sha256Hex.parse(update.root), at }
  if (update.kind === 'events') {
    const events = [...update.events]
    return { body: { ...base, kind: 'events', payload: null, events }, payload: undefined }
  }
  return {
    body: { ...base, kind: 'full', payload: update.root, events: null },
    payload: factSetBytes(update.set),
  }
}

/**
 * Returns the update of a statement. The caller must have verified the signature. This checks the
 * content.
 * @param payload the bytes of the statement's blob, required if it has one
 * @throws facts.malformed, json.not-canonical
 */
export function readUpdate(statement: FactsBody, payload?: Uint8Array): FactUpdate {
  const malformed = (reason: string): Error =>
    factsError('facts.malformed', { what: 'the facts statement', reason })
  const base = {
    epoch: statement.epoch,
    sequence: statement.sequence,
    root: blobId.parse(statement.root),
    at: statement.at,
  }
  if (base.epoch < 1 || base.sequence < 1)
    throw malformed('epochs and sequence numbers begin with 1')
  if (statement.kind === 'full') {
    if (statement.payload !== base.root) throw malformed('its payload does not match its root')
    if (payload === undefined) throw malformed('its payload is missing')
    return { ...base, kind: 'full', set: parseFactSet(payload) }
  }
  if (statement.events === null) throw malformed('its events are not in it')
  const events = statement.events.map((event, i) => {
    const parsed = factEventSchema.safeParse(event)
    if (!parsed.success)
      throw malformed(
        `event ${i}: ${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`,
      )
    return parsed.data
  })
  return { ...base, kind: 'events', events }
}
