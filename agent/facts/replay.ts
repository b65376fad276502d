/** Reads the records of the facts journal back into the state that they lead to. Pure. */
import type { Json } from '../../shared/canonical-json.ts'
import type { FactState } from '../../shared/facts/apply.ts'
import { applyEvents } from '../../shared/facts/events.ts'
import type { FactEvent } from '../../shared/facts/events.ts'
import { factSet, rootOf } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import type { FactPosition, FactUpdate } from '../../shared/facts/update.ts'
import type { BlobId } from '../../shared/ids.ts'

/**
 * An update as it was given out; or, first after the file was written anew, the state that the kept
 * updates before it led to.
 */
export type JournalRecord = FactUpdate | (FactState & { readonly kind: 'base' })
export type EventsUpdate = FactUpdate & { kind: 'events' }

export interface Contents {
  state: FactState | undefined
  /**
   * The updates that follow each other up to the state, without a full set between; the newest
   * {@link MAX_KEPT}.
   */
  kept: EventsUpdate[]
}

/** As many updates as one pull takes. */
export const MAX_KEPT = 256

/**
 * Where the records lead.
 * @throws Error in words, or of shared/facts, if they don't follow each other: they are our own, so
 * that is damage
 */
export function replay(records: readonly Json[]): Contents {
  let base: FactState | undefined
  let last: FactUpdate | undefined
  let kept: EventsUpdate[] = []
  const events: FactEvent[] = []
  for (const value of records) {
    const record = value as unknown as JournalRecord
    if (record.kind !== 'events') {
      base = stateOf(record, record.set)
      last = undefined
      events.length = 0
      if (record.kind === 'full') kept = []
      continue
    }
    const before = last ?? base
    if (
      before !== undefined &&
      (record.epoch !== before.epoch || record.sequence !== before.sequence + 1)
    )
      throw new Error(
        `update ${record.epoch}.${record.sequence} follows ${before.epoch}.${before.sequence}`,
      )
    kept = [...kept, record].slice(-MAX_KEPT)
    // Before the base stand the updates that led to it: kept, not applied.
    if (base === undefined) continue
    last = record
    events.push(...record.events)
  }
  if (base === undefined) return { state: undefined, kept: [] }
  const packages = applyEvents(base.set.packages, events)
  const state = packages && stateOf(last ?? base, factSet(base.set.os, packages))
  if (state === undefined || rootOf(state.set) !== state.root)
    throw new Error('its set is not the one that its root names')
  return { state, kept }
}

/** The state after an update, whose set is known. */
export function stateOf(
  record: FactPosition & { root: BlobId; at: string },
  set: FactSet,
): FactState {
  return { epoch: record.epoch, sequence: record.sequence, root: record.root, at: record.at, set }
}
