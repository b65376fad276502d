/**
 * How a package set changes: events as an agent's history shows them. {@link diff} and
 * {@link applyEvents} are each other's inverse: applying the events between two sets to the first
 * gives exactly the second's packages.
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
    /** When the agent saw it, or when the package manager's own log says that it happened. */
    at: timeField,
    manager: managerField,
    name: factText.min(1),
    arch: factText,
    /** `[epoch:]version[-release]` before and after; null on the side where it wasn't there. */
    from: factText.nullable(),
    to: factText.nullable(),
    /** Whether it was built on the host; null where the package manager doesn't tell. */
    source: z.enum(['binary', 'source']).nullable(),
    durationSeconds: z.int().min(0).nullable(),
  })
  .refine(
    (event) =>
      (event.from === null) === (event.event === 'install') &&
      (event.to === null) === (event.event === 'uninstall'),
    {
      message: 'expected from and to as the event has them',
      path: ['event'],
    },
  )

export type FactEvent = z.infer<typeof factEventSchema>

/**
 * What happened between two sorted lists of packages, in their order. One version in place of one
 * other is an update; where several versions are installed side by side, each that came is an
 * install and each that went an uninstall.
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
  while (i < before.length || j < after.length) {
    const [old, young] = [before[i], after[j]]
    const first =
      old === undefined || (young !== undefined && comparePackages(young, old) < 0)
        ? (young as FactPackage)
        : old
    const [olds, youngs] = [sameFrom(before, i, first), sameFrom(after, j, first)]
    i += olds.length
    j += youngs.length
    const [gone, came] = [without(olds, youngs), without(youngs, olds)]
    const [from, to] = [gone[0], came[0]]
    if (olds.length === 1 && youngs.length === 1 && from !== undefined && to !== undefined)
      events.push(eventOf(at, from, to))
    else
      events.push(
        ...gone.map((pkg) => eventOf(at, pkg, undefined)),
        ...came.map((pkg) => eventOf(at, undefined, pkg)),
      )
  }
  return events
}

/**
 * The packages after the events, or undefined if an event doesn't fit: it removes what isn't there
 * or installs what is.
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

function eventOf(
  at: string,
  from: FactPackage | undefined,
  to: FactPackage | undefined,
): FactEvent {
  const { manager, name, arch } = (from ?? to) as FactPackage
  return {
    event: from === undefined ? 'install' : to === undefined ? 'uninstall' : 'update',
    at,
    manager,
    name,
    arch,
    from: from === undefined ? null : formatEvr(from),
    to: to === undefined ? null : formatEvr(to),
    source: null,
    durationSeconds: null,
  }
}

/** The versions of `pkg` that stand together at `start`. */
function sameFrom(
  packages: readonly FactPackage[],
  start: number,
  pkg: FactPackage,
): FactPackage[] {
  let end = start
  while (end < packages.length && isSamePackage(packages[end] as FactPackage, pkg)) end++
  return packages.slice(start, end)
}

/**
 * The packages of one sorted list that another doesn't have. Linear: a hostile set may hold a
 * hundred thousand versions of one name.
 */
export function without(
  packages: readonly FactPackage[],
  others: readonly FactPackage[],
): FactPackage[] {
  let i = 0
  return packages.filter((pkg) => {
    while (i < others.length && comparePackages(others[i] as FactPackage, pkg) < 0) i++
    return i === others.length || comparePackages(others[i] as FactPackage, pkg) !== 0
  })
}

function keyOf(pkg: FactPackage): string {
  return JSON.stringify([pkg.manager, pkg.name, pkg.arch, formatEvr(pkg)])
}
