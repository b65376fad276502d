/** Computes the state of the facts journal from its records. Pure. */
import type { Json } from '../../shared/canonical-json.ts'
import type { FactState } from '../../shared/facts/apply.ts'
import { applyEvents } from '../../shared/facts/events.ts'
import type { FactEvent } from '../../shared/facts/events.ts'
import { factSet, rootOf } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import type { FactPosition, FactUpdate } from '../../shared/facts/update.ts'
import type { BlobId } from '../../shared/ids.ts'

/** An update, or the state when the file was rewritten. That state includes the kept updates. */
export type JournalRecord = FactUpdate | (FactState & { readonly kind: 'base' })
export type EventsUpdate = FactUpdate & { kind: 'events' }

export interface Contents {
  readonly state: FactState | undefined
  /** The newest {@link MAX_KEPT} updates before the state, without a full set between them. */
  readonly kept: readonly EventsUpdate[]
}

/** The maximum number of updates in one pull. */
export const MAX_KEPT = 256

/**
 * Computes the contents after all records.
 * @throws Error with a reason if the records don't follow each other, because the file is damaged
 */
export function replay(records: readonly Json[]): Contents {
  let base: FactState | undefined
  let last: FactUpdate | undefined
  let kept: EventsUpdate[] = []
  const events: FactEvent[] = []
  for (const value of records) {
    const record = recordOf(value)
    if (record.kind !== 'events') {
      base = stateOf(record, record.set)
      last = undefined
      events.length = 0
      if (record.kind === 'full') kept = []
      continue
    }
    requireNext(last ?? base, record)
    kept = [...kept, record].slice(-MAX_KEPT)
    // Updates before the base are kept, but the base already contains them.
    if (base === undefined) continue
    last = record
    events.push(...record.events)
  }
  if (base === undefined) return { state: undefined, kept: [] }
  const packages = applyEvents(base.set.packages, events)
  const state = packages && stateOf(last ?? base, factSet(base.set.os, packages))
  if (state === undefined || rootOf(state.set) !== state.root)
    throw new Error('its set does not match its root')
  return { state, kept }
}

/** Casts a record. This program wrote it, and its checksum was verified. */
function recordOf(value: Json): JournalRecord {
  if (!isRecord(value)) throw new Error('a record has an unknown kind')
  return value
}

function isRecord(value: Json): value is JournalRecord {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  return value.kind === 'events' || value.kind === 'full' || value.kind === 'base'
}

function requireNext(before: FactPosition | undefined, next: FactPosition): void {
  if (before === undefined) return
  if (next.epoch !== before.epoch || next.sequence !== before.sequence + 1)
    throw new Error(
      `update ${next.epoch}.${next.sequence} follows ${before.epoch}.${before.sequence}`,
    )
}

/** Returns the state after an update with this set. */
export function stateOf(
  record: FactPosition & { root: BlobId; at: string },
  set: FactSet,
): FactState {
  return { epoch: record.epoch, sequence: record.sequence, root: record.root, at: record.at, set }
}
