/**
 * Computes the next state of a host's facts from a state and an update, or the reason why it can't.
 * This is a pure function, which coordinators and observers use. The root of the next state must
 * match the update, so that two followers of one host detect a difference.
 */
import { parseRfc3339, rfc3339 } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import { applyEvents, diff } from './events.ts'
import type { FactEvent } from './events.ts'
import { factSet, rootOf } from './package-set.ts'
import type { FactSet } from './package-set.ts'
import type { FactPosition, FactUpdate } from './update.ts'

/** The state of a host after the update at this position. */
export type FactState = FactPosition & {
  readonly root: BlobId
  readonly at: string
  readonly set: FactSet
}

export type Applied =
  /** `events` are the changes, for the history. They are empty for a new host. */
  | { readonly result: 'applied'; readonly state: FactState; readonly events: readonly FactEvent[] }
  /** The state already contains the update. */
  | { readonly result: 'known' }
  /** Request the host's updates after `from`. (0, 0) requests the full set. */
  | { readonly result: 'gap'; readonly from: FactPosition; readonly reason: 'missing' | 'root' }
  /**
   * `equivocation`: another set at the same position. Keep both as evidence. `root`: the full set
   * doesn't match its root. `jump`: an honest host can't reach this position from the state.
   */
  | { readonly result: 'refused'; readonly reason: 'equivocation' | 'root' | 'jump' }

/** The maximum gap. A host makes about ten updates a day, so a larger gap would take centuries. */
export const MAX_SEQUENCE_JUMP = 1_000_000
/**
 * The maximum step of the epoch. A new epoch begins when a host lost its journal or restored an old
 * one.
 */
export const MAX_EPOCH_JUMP = 1000
/**
 * Clocks of honest hosts differ less than this. The receiver's time replaces a time further ahead.
 */
export const MAX_AHEAD_MS = 5 * 60_000

const NOTHING: FactPosition = { epoch: 0, sequence: 0 }

/** @param options.now the receiver's time in milliseconds */
export function apply(
  state: FactState | undefined,
  received: FactUpdate,
  options: { now: number },
): Applied {
  const update = boundTimes(received, options.now, MAX_AHEAD_MS)
  if (state !== undefined) {
    const order = update.epoch - state.epoch || update.sequence - state.sequence
    if (order === 0)
      return update.root === state.root
        ? { result: 'known' }
        : { result: 'refused', reason: 'equivocation' }
    if (order < 0) return { result: 'known' }
    if (isJump(state, update)) return { result: 'refused', reason: 'jump' }
  }
  return update.kind === 'full' ? applyFull(state, update) : applyNext(state, update)
}

/**
 * Replaces each time that is more than `aheadMs` after `now` by `now`. A wrong clock doesn't affect
 * the packages, because updates are ordered only by their position.
 */
export function boundTimes<U extends FactUpdate>(update: U, now: number, aheadMs: number): U {
  const bound = (at: string): string => (parseRfc3339(at) <= now + aheadMs ? at : rfc3339(now))
  if (update.kind === 'full') return { ...update, at: bound(update.at) }
  const events = update.events.map((event) => ({ ...event, at: bound(event.at) }))
  return { ...update, at: bound(update.at), events }
}

function applyFull(state: FactState | undefined, update: FactUpdate & { kind: 'full' }): Applied {
  if (rootOf(update.set) !== update.root) return { result: 'refused', reason: 'root' }
  const events = state === undefined ? [] : diff(state.set.packages, update.set.packages, update.at)
  return { result: 'applied', state: stateAfter(update, update.set), events }
}

function applyNext(state: FactState | undefined, update: FactUpdate & { kind: 'events' }): Applied {
  if (state === undefined) return { result: 'gap', from: NOTHING, reason: 'missing' }
  if (update.epoch !== state.epoch || update.sequence !== state.sequence + 1)
    return {
      result: 'gap',
      from: { epoch: state.epoch, sequence: state.sequence },
      reason: 'missing',
    }
  const packages = applyEvents(state.set.packages, update.events)
  const set = packages && factSet(state.set.os, packages)
  // One side is wrong. The full set shows which one.
  if (set === undefined || rootOf(set) !== update.root)
    return { result: 'gap', from: NOTHING, reason: 'root' }
  return { result: 'applied', state: stateAfter(update, set), events: update.events }
}

function stateAfter(update: FactUpdate, set: FactSet): FactState {
  return { epoch: update.epoch, sequence: update.sequence, root: update.root, at: update.at, set }
}

function isJump(state: FactPosition, update: FactPosition): boolean {
  const sequence = update.epoch === state.epoch ? update.sequence - state.sequence : update.sequence
  return update.epoch - state.epoch > MAX_EPOCH_JUMP || sequence > MAX_SEQUENCE_JUMP
}
