/**
 * Decides what a collection says about the host. Packages that vanish in a way in which people
 * don't remove packages stay as they were, marked with when and why, until a second collection
 * finds the same or an operator accepts it. Pure.
 */
import { blake3Of } from '../../shared/blake3/hash.ts'
import { canonicalJson, type Json } from '../../shared/canonical-json.ts'
import {
  type FactCollection,
  type FactProblem,
  type ProblemKind,
  shortReason,
} from '../../shared/facts/collection.ts'
import { comparePackages, type FactPackage, factSet } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import { type Collected, whyNothing } from './collect.ts'
import type { CollectorResult, Doubt, Found } from './collectors/collector.ts'

/** What is remembered of a manager from one collection to the next. */
export interface Doubted {
  /** What was found instead of what was known. */
  readonly print: string
  /** When it was found first, RFC 3339. */
  readonly since: string
  /** An operator accepted it: it counts as right while it stays the same. */
  readonly accepted: boolean
}

export type Memory = Readonly<Record<string, Doubted>>

export interface Settled {
  /** What the host has; undefined where nothing is known of it. */
  readonly set: FactSet | undefined
  readonly collection: FactCollection
  readonly memory: Memory
}

export interface SettleOptions {
  /** The newest set that was told; undefined before the first. */
  readonly known: FactSet | undefined
  readonly memory: Memory
  /** Problems of the collection before. */
  readonly previous: readonly FactProblem[]
  /** Now, RFC 3339. */
  readonly at: string
  /**
   * True if this collection may confirm an earlier one: it was not made because of the same change.
   */
  readonly confirms: boolean
  /** An operator says that what is found is right. */
  readonly accept: boolean
}

interface Verdict {
  readonly packages: readonly FactPackage[]
  readonly problem?: { readonly kind: ProblemKind; readonly reason: string }
  readonly doubted?: Doubted
}

/** The key of the memory that is about the host as a whole. */
const HOST = ''
/** Odd packages that are named. */
const SHOWN_ODD = 5

/** @throws facts.malformed if the host has more packages than a set may have */
export function settle({ os, found }: Collected, options: SettleOptions): Settled {
  const { known, memory, at } = options
  const knownOf = (manager: string): FactPackage[] =>
    known?.packages.filter((pkg) => pkg.manager === manager) ?? []
  const all = [...found, ...vanished(found, known)]
  const verdicts = all.map(({ manager, result }) => ({
    manager,
    result,
    ...judge(result, knownOf(manager), memory[manager], options),
  }))
  const packages = verdicts.flatMap((verdict) => verdict.packages)
  const host = packages.length > 0 ? undefined : judgeEmpty(found, memory[HOST], options)
  const set = host?.isUnknown === true ? undefined : factSet(os, packages)

  const problems: FactProblem[] = []
  const add = (manager: string, kind: ProblemKind, reason: string, since?: string): void => {
    problems.push({ manager, kind, reason: shortReason(reason), since: since ?? at })
  }
  for (const { manager, result, problem, doubted } of verdicts) {
    if (problem !== undefined) add(manager, problem.kind, problem.reason, doubted?.since)
    if (result.state === 'read' && result.odd.length > 0) add(manager, 'odd', nameOdd(result.odd))
  }
  if (host?.problem !== undefined)
    add(HOST, host.problem.kind, host.problem.reason, host.doubted?.since)
  const remembered = [...verdicts, { manager: HOST, ...host }].flatMap(({ manager, doubted }) =>
    doubted === undefined ? [] : [[manager, doubted] as const],
  )
  return {
    set,
    memory: Object.fromEntries(remembered),
    collection: {
      at,
      managers: verdicts
        .filter(({ result, packages: mine }) => result.state !== 'absent' || mine.length > 0)
        .map((one) => ({
          name: one.manager,
          state: one.result.state,
          packages: one.packages.length,
        })),
      problems: keepSince(problems, options),
    },
  }
}

/** Managers that nothing was found of, and whose packages are known. */
function vanished(found: readonly Found[], known: FactSet | undefined): Found[] {
  const looked = new Set<string>(found.map(({ manager }) => manager))
  const rest = new Set((known?.packages ?? []).map(({ manager }) => manager))
  return [...rest]
    .filter((manager) => !looked.has(manager))
    .map((manager) => ({ manager, result: { state: 'absent' } }))
}

function judge(
  result: CollectorResult,
  known: readonly FactPackage[],
  before: Doubted | undefined,
  options: SettleOptions,
): Verdict {
  switch (result.state) {
    case 'read': {
      const { packages } = result
      const contradiction = contradicts(known, packages, result.doubts)
      if (contradiction !== undefined)
        return doubt(
          { kind: 'unreadable', reason: contradiction },
          packages,
          known,
          before,
          options,
        )
      const reason = implausible(known, packages)
      if (reason === undefined) return { packages }
      return doubt({ kind: 'implausible', reason }, packages, known, before, options)
    }
    case 'absent': {
      if (known.length === 0) return { packages: [] }
      const reason = `its database is gone (${known.length} packages known)`
      return doubt({ kind: 'implausible', reason }, [], known, before, options)
    }
    case 'unsupported': {
      const reason = `Muster doesn't read its database ${result.path}`
      return { packages: known, problem: { kind: 'unsupported', reason } }
    }
    case 'unreadable':
      return doubt(
        { kind: 'unreadable', reason: `${result.path}: ${result.reason}` },
        [],
        known,
        before,
        options,
      )
    case 'busy': {
      // The package manager is at work: the look after it will tell. Twice in a row is reported.
      const isAgain = before?.print === 'busy'
      const doubted = { print: 'busy', since: isAgain ? before.since : options.at, accepted: false }
      const reason = `${result.path}: ${result.reason}`
      return isAgain
        ? { packages: known, doubted, problem: { kind: 'unreadable', reason } }
        : { packages: known, doubted }
    }
  }
}

/** Keeps what was known, unless this was found before or an operator accepts it. */
function doubt(
  problem: { kind: ProblemKind; reason: string },
  found: readonly FactPackage[],
  known: readonly FactPackage[],
  before: Doubted | undefined,
  { at, confirms, accept }: SettleOptions,
): Verdict {
  const print = printOf(problem, found)
  const isAgain = before?.print === print
  const accepted = accept || (isAgain && before.accepted)
  const doubted = { print, since: isAgain ? before.since : at, accepted }
  // A database that can't be read says nothing, however often it is looked at.
  if (problem.kind === 'unreadable')
    return accepted
      ? { packages: found, doubted, problem: { ...problem, kind: 'odd' } }
      : { packages: known, doubted, problem }
  if (accepted || (isAgain && confirms)) return { packages: found }
  return { packages: known, doubted, problem }
}

function printOf(problem: { kind: ProblemKind; reason: string }, found: readonly FactPackage[]) {
  if (problem.kind === 'unreadable') return 'unreadable'
  return blake3Of(Buffer.from(canonicalJson([...found].sort(comparePackages) as unknown as Json)))
}

/** Why packages that the database doesn't list any more are not gone; undefined if they may be. */
function contradicts(
  known: readonly FactPackage[],
  found: readonly FactPackage[],
  doubts: readonly Doubt[],
): string | undefined {
  const gone = goneFrom(known, found)
  const fits = ({ names }: Doubt): boolean =>
    names === undefined ? gone.length > 0 : gone.some(({ name }) => names.has(name))
  return doubts.find(fits)?.reason
}

/** Why people don't change a host like that; undefined if they do. */
function implausible(
  known: readonly FactPackage[],
  found: readonly FactPackage[],
): string | undefined {
  if (known.length === 0) return undefined
  if (found.length === 0) return `it lists no packages (${known.length} known)`
  const gone = goneFrom(known, found).length
  if (gone * 2 <= known.length) return undefined
  return `${gone} of ${known.length} known packages are gone at once (${found.length} found)`
}

/** Known packages of which no version is there any more. */
function goneFrom(
  known: readonly FactPackage[],
  found: readonly FactPackage[],
): readonly FactPackage[] {
  const there = new Set(found.map(({ name, arch }) => JSON.stringify([name, arch])))
  return known.filter(({ name, arch }) => !there.has(JSON.stringify([name, arch])))
}

/** A host on which no packages are known or found. */
function judgeEmpty(
  found: readonly Found[],
  before: Doubted | undefined,
  { known, at, confirms, accept }: SettleOptions,
): Verdict & { isUnknown: boolean } {
  const none = { packages: [], isUnknown: known === undefined }
  const reason = whyNothing(found)
  // What a manager's own problem says is not said again.
  if (found.some(({ result }) => result.state === 'unreadable' || result.state === 'busy'))
    return none
  const isRead = found.some(({ result }) => result.state === 'read')
  if (!isRead || found.some(({ result }) => result.state === 'unsupported'))
    return { ...none, problem: { kind: 'unsupported', reason } }
  if (known !== undefined) return { packages: [], isUnknown: false }
  const isAgain = before?.print === 'empty'
  if (accept || (isAgain && confirms)) return { packages: [], isUnknown: false }
  const doubted = { print: 'empty', since: isAgain ? before.since : at, accepted: false }
  return { ...none, doubted, problem: { kind: 'implausible', reason } }
}

function nameOdd(odd: readonly string[]): string {
  const first = odd.slice(0, SHOWN_ODD).join('; ')
  return odd.length > SHOWN_ODD ? `${first}; and ${odd.length - SHOWN_ODD} more` : first
}

/** A problem that was there before keeps its time. */
function keepSince(problems: readonly FactProblem[], { previous }: SettleOptions): FactProblem[] {
  return problems.map((problem) => {
    const same = previous.find(
      (old) => old.manager === problem.manager && old.kind === problem.kind,
    )
    return same === undefined ? problem : { ...problem, since: same.since }
  })
}
