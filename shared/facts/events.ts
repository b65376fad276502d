/**
 * Computes the changes between two package sets as events. The events of {@link diff}, applied to
 * the first set, give exactly the packages of the second.
 */
import { z } from 'zod'
import { formatEvr } from '../packages/evr.ts'
import { timeField } from '../trust/fields.ts'
import {
  comparePackages,
  factPackage,
  factText,
  isSamePackage,
  managerField,
} from './package-set.ts'
import type { FactPackage } from './package-set.ts'

export const factEventSchema = z
  .strictObject({
    event: z.enum(['install', 'uninstall', 'update']),
    /** The time of the collection, or of the entry in the package manager's log. */
    at: timeField,
    manager: managerField,
    name: factText.min(1),
    arch: factText,
    /** `[epoch:]version[-release]` before and after. Null if the package wasn't installed. */
    from: factText.nullable(),
    to: factText.nullable(),
    /** Whether the package was built on the host. Null if this is unknown. */
    source: z.enum(['binary', 'source']).nullable(),
    durationSeconds: z.int().min(0).nullable(),
  })
  .refine(
    (event) =>
      (event.from === null) === (event.event === 'install') &&
      (event.to === null) === (event.event === 'uninstall'),
    {
      message: 'expected from and to that match the event',
      path: ['event'],
    },
  )

export type FactEvent = z.infer<typeof factEventSchema>

/**
 * Returns the changes between two sorted lists of packages, in their order. One version that
 * replaces one other is an update. If several versions are installed side by side, each new one is
 * an install and each missing one an uninstall.
 * @param at RFC 3339
 */
export function diff(
  before: readonly FactPackage[],
  after: readonly FactPackage[],
  at: string,
): FactEvent[] {
  const events: FactEvent[] = []
  let i = 0
  let j = 0
  for (;;) {
    const first = firstOf(before[i], after[j])
    if (first === undefined) break
    const [olds, youngs] = [sameFrom(before, i, first), sameFrom(after, j, first)]
    i += olds.length
    j += youngs.length
    const [gone, came] = [without(olds, youngs), without(youngs, olds)]
    const [from, to] = [gone[0], came[0]]
    if (olds.length === 1 && youngs.length === 1 && from !== undefined && to !== undefined)
      events.push(updated(at, from, to))
    else
      events.push(
        ...gone.map((pkg) => uninstalled(at, pkg)),
        ...came.map((pkg) => installed(at, pkg)),
      )
  }
  return events
}

/**
 * Returns the packages after the events. Undefined if an event removes a package that isn't in the
 * list, or installs a package that is.
 */
export function applyEvents(
  packages: readonly FactPackage[],
  events: readonly FactEvent[],
): FactPackage[] | undefined {
  const present = new Map(packages.map((pkg) => [keyOf(pkg), pkg]))
  for (const event of events) {
    const side = (evr: string): FactPackage =>
      factPackage(event.manager, event.name, event.arch, evr)
    if (event.from !== null && !present.delete(keyOf(side(event.from)))) return undefined
    if (event.to === null) continue
    const added = side(event.to)
    if (present.has(keyOf(added))) return undefined
    present.set(keyOf(added), added)
  }
  return [...present.values()].sort(comparePackages)
}

/** Returns the package that is first in the order of a set. */
function firstOf(a: FactPackage | undefined, b: FactPackage | undefined): FactPackage | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return comparePackages(b, a) < 0 ? b : a
}

function installed(at: string, pkg: FactPackage): FactEvent {
  return eventOf('install', at, pkg, { from: null, to: formatEvr(pkg) })
}

function uninstalled(at: string, pkg: FactPackage): FactEvent {
  return eventOf('uninstall', at, pkg, { from: formatEvr(pkg), to: null })
}

function updated(at: string, from: FactPackage, to: FactPackage): FactEvent {
  return eventOf('update', at, from, { from: formatEvr(from), to: formatEvr(to) })
}

function eventOf(
  event: FactEvent['event'],
  at: string,
  { manager, name, arch }: FactPackage,
  versions: Pick<FactEvent, 'from' | 'to'>,
): FactEvent {
  return { event, at, manager, name, arch, ...versions, source: null, durationSeconds: null }
}

/** Returns the versions of `pkg` from `start` on, which are adjacent. */
function sameFrom(
  packages: readonly FactPackage[],
  start: number,
  pkg: FactPackage,
): FactPackage[] {
  let end = start
  for (let one = packages[end]; one !== undefined && isSamePackage(one, pkg); one = packages[end])
    end++
  return packages.slice(start, end)
}

/**
 * Returns the packages of one sorted list that another doesn't have. It takes linear time, because
 * a hostile set may have a hundred thousand versions of one name.
 */
export function without(
  packages: readonly FactPackage[],
  others: readonly FactPackage[],
): FactPackage[] {
  let i = 0
  return packages.filter((pkg) => {
    let other = others[i]
    while (other !== undefined && comparePackages(other, pkg) < 0) other = others[++i]
    return other === undefined || comparePackages(other, pkg) !== 0
  })
}

function keyOf(pkg: FactPackage): string {
  return JSON.stringify([pkg.manager, pkg.name, pkg.arch, formatEvr(pkg)])
}
