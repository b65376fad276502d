/**
 * Follows a host's facts: state and update in, next state or the reason why not out. Pure, and the
 * same on the coordinator, on an observer, and in an agent that replays its own journal. Nothing is
 * taken on trust: the next state's root is computed and must be the update's, so two that follow
 * the same host either agree or know that they don't.
 */
import { parseRfc3339, rfc3339 } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import { applyEvents, diff } from './events.ts'
import type { FactEvent } from './events.ts'
import { factSet, rootOf } from './package-set.ts'
import type { FactSet } from './package-set.ts'
import type { FactPosition, FactUpdate } from './update.ts'

/** What is known of a host after the update at this position. */
export interface FactState extends FactPosition {
  readonly root: BlobId
  readonly at: string
  readonly set: FactSet
}

export type Applied =
  /** `events` is what changed, for the history: none when a host is seen for the first time. */
  | { readonly result: 'applied'; readonly state: FactState; readonly events: readonly FactEvent[] }
  /** The state already contains it: a repetition, or older than the state. */
  | { readonly result: 'known' }
  /** Ask the host for what follows `from`; (0, 0) asks for the full set. */
  | { readonly result: 'gap'; readonly from: FactPosition; readonly reason: 'missing' | 'root' }
  /**
   * `equivocation`: another set at the same position, keep both as evidence. `root`: a full set
   * that isn't the one its root names. `jump`: a position no honest host reaches from the state's.
   */
  | { readonly result: 'refused'; readonly reason: 'equivocation' | 'root' | 'jump' }

/** A host makes some ten updates a day; this many in one gap take centuries. */
export const MAX_SEQUENCE_JUMP = 1_000_000
/** Epochs rise when a host lost or went back in its journal. */
export const MAX_EPOCH_JUMP = 1000
/** Clocks of honest hosts differ less. A time further ahead isn't kept; our own replaces it. */
export const MAX_AHEAD_MS = 5 * 60_000

const NOTHING: FactPosition = { epoch: 0, sequence: 0 }

/** @param options.now our own time, milliseconds */
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
 * The update with every time that is more than `aheadMs` ahead of `now` replaced by `now`. A wrong
 * clock, the host's or ours, never decides what a host has installed: order is the position alone.
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
  // Ours or theirs is wrong; only the whole set tells.
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
