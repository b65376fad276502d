/**
 * Decides which packages of a collection are recorded. An implausible change is one that people
 * don't make, such as the removal of most packages at once. The agent then keeps the known packages
 * and reports the problem. It accepts the change if a later collection finds the same, or if an
 * operator accepts it. Pure.
 */
import { blake3Of } from '../../shared/blake3/hash.ts'
import { canonicalJson } from '../../shared/canonical-json.ts'
import { parseRfc3339 } from '../../shared/clock.ts'
import {
  type FactCollection,
  type FactProblem,
  MAX_MANAGERS,
  type ProblemKind,
  shortReason,
} from '../../shared/facts/collection.ts'
import { comparePackages, type FactPackage, factSet } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import { type Collected, whyNothing } from './collect.ts'
import type { CollectorResult, Doubt, Found } from './collectors/collector.ts'
import { collectError } from './errors.ts'

/** The doubt about a manager. It is kept from one collection to the next. */
export type Doubted = {
  /** A hash of the packages that were found, or a state of the collector. */
  readonly print: string
  /** The time when it was found first (RFC 3339). */
  readonly since: string
}

export type Memory = Readonly<Record<string, Doubted>>

/** The packages of a manager that were kept until now. This collection records them as removed. */
export interface Confirmed {
  readonly manager: string
  readonly gone: number
}

export interface Settled {
  /** The packages of the host, or undefined if they are unknown. */
  readonly set: FactSet | undefined
  readonly collection: FactCollection
  readonly memory: Memory
  readonly confirmed: readonly Confirmed[]
}

export interface SettleOptions {
  /** The newest set in the journal, or undefined before the first. */
  readonly known: FactSet | undefined
  readonly memory: Memory
  /** Problems of the previous collection. */
  readonly previous: readonly FactProblem[]
  /** The current time (RFC 3339). */
  readonly at: string
  /** Managers whose packages an operator accepts as they were found. */
  readonly accept: readonly string[]
}

/**
 * An implausible set is accepted if a collection finds it again after this time. It is a minute
 * shorter than the agent's interval. Two collections in one second don't confirm each other.
 */
export const CONFIRM_AFTER_MS = 4 * 60_000

interface Verdict {
  readonly packages: readonly FactPackage[]
  readonly problem?: { readonly kind: ProblemKind; readonly reason: string }
  readonly doubted?: Doubted
  /** The number of packages that were in doubt and are recorded as removed. */
  readonly confirmed?: number
  /** True if an operator may accept the packages that were found, or accepted them now. */
  readonly acceptable?: boolean
}

interface Judged extends Found, Verdict {}

/** The manager name of a problem that concerns the whole host. */
const HOST = ''
/** The number of odd packages that a problem names. */
const SHOWN_ODD = 5
const NOTHING_LISTED = 'it lists no packages, and none are known of this host'

/**
 * @throws facts.malformed if the host has too many packages for a set; facts.unknown-manager,
 * facts.not-in-doubt, facts.not-acceptable if `accept` names a manager without packages to accept
 */
export function settle({ os, found }: Collected, options: SettleOptions): Settled {
  const { known, memory, at, accept } = options
  const knownOf = (manager: string): FactPackage[] =>
    known?.packages.filter((pkg) => pkg.manager === manager) ?? []
  const isFirst = known === undefined && !found.some(listsPackages)
  const verdicts: Judged[] = [...found, ...vanished(found, known)].map((one) => ({
    ...one,
    ...judge(one, knownOf(one.manager), memory[one.manager], { ...options, isFirst }),
  }))
  checkAccepted(verdicts, accept)
  const packages = verdicts.flatMap((verdict) => verdict.packages)
  const host = packages.length > 0 ? undefined : judgeEmpty(verdicts, options)
  const set = host?.isUnknown === true ? undefined : factSet(os, packages)
  const remembered = verdicts.flatMap(({ manager, doubted }) =>
    doubted === undefined ? [] : [[manager, doubted] as const],
  )
  return {
    set,
    memory: Object.fromEntries(remembered),
    collection: {
      at,
      managers: verdicts.slice(0, MAX_MANAGERS).map((one) => ({
        name: one.manager,
        state: one.result.state,
        packages: one.packages.length,
      })),
      problems: keepSince(problemsOf(verdicts, host?.reason, at), options),
    },
    confirmed: verdicts.flatMap(({ manager, confirmed: gone }) =>
      gone === undefined ? [] : [{ manager, gone }],
    ),
  }
}

function listsPackages({ result }: Found): boolean {
  return result.state === 'read' && result.packages.length > 0
}

/**
 * Returns the problems of all managers.
 * @param unknown why the packages of the host are unknown, if no manager has a problem
 */
function problemsOf(
  verdicts: readonly Judged[],
  unknown: string | undefined,
  at: string,
): FactProblem[] {
  const problems: FactProblem[] = []
  const add = (manager: string, kind: ProblemKind, reason: string, since = at): void => {
    problems.push({ manager, kind, reason: shortReason(reason), since })
  }
  for (const { manager, result, problem, doubted } of verdicts) {
    if (problem !== undefined) add(manager, problem.kind, problem.reason, doubted?.since)
    if (result.state === 'read' && result.odd.length > 0) add(manager, 'odd', nameOdd(result.odd))
  }
  if (unknown !== undefined) add(HOST, 'unsupported', unknown)
  return problems
}

/** Rejects an acceptance that would have no effect, because an operator could rely on it. */
function checkAccepted(verdicts: readonly Judged[], accept: readonly string[]): void {
  const isHere = ({ result, packages, acceptable }: Judged): boolean =>
    result.state !== 'absent' || packages.length > 0 || acceptable === true
  const names = (chosen: readonly Judged[]): string[] => chosen.map(({ manager }) => manager)
  for (const manager of accept) {
    const one = verdicts.find((verdict) => verdict.manager === manager)
    if (one === undefined || !isHere(one)) {
      const managers = names(verdicts.filter(isHere))
      throw collectError('facts.unknown-manager', { manager, managers })
    }
    if (one.result.state === 'unreadable' || one.result.state === 'busy') {
      const { path, reason } = one.result
      throw collectError('facts.not-acceptable', { manager, path, reason })
    }
    if (one.acceptable === true) continue
    const managers = names(verdicts.filter(({ acceptable }) => acceptable === true))
    throw collectError('facts.not-in-doubt', { manager, managers })
  }
}

/** Returns managers with known packages that this collection did not find. */
function vanished(found: readonly Found[], known: FactSet | undefined): Found[] {
  const here = new Set<string>(found.map(({ manager }) => manager))
  const rest = new Set((known?.packages ?? []).map(({ manager }) => manager))
  return [...rest]
    .filter((manager) => !here.has(manager))
    .map((manager) => ({ manager, result: { state: 'absent' } }))
}

function judge(
  { manager, result }: Found,
  known: readonly FactPackage[],
  before: Doubted | undefined,
  more: SettleOptions & { isFirst: boolean },
): Verdict {
  const options = { ...more, isAccepted: more.accept.includes(manager) }
  switch (result.state) {
    case 'read':
      return judgeRead(result, known, before, options)
    case 'absent': {
      if (known.length === 0) return { packages: [] }
      const reason = `its database is gone (${known.length} packages known)`
      return doubt({ reason, found: [], known }, before, options)
    }
    case 'unsupported': {
      const reason = `Muster doesn't read its database ${result.path}`
      return { packages: known, problem: { kind: 'unsupported', reason } }
    }
    case 'unreadable': {
      // Neither time nor an operator can confirm an unreadable database.
      const reason = `${result.path}: ${result.reason}`
      const doubted = { print: 'unreadable', since: sinceOf('unreadable', before, options) }
      return { packages: known, doubted, problem: { kind: 'unreadable', reason } }
    }
    case 'busy': {
      // The package manager is running. A second busy result in a row is reported.
      const doubted = { print: 'busy', since: sinceOf('busy', before, options) }
      const reason = `${result.path}: ${result.reason}`
      return before?.print === 'busy'
        ? { packages: known, doubted, problem: { kind: 'unreadable', reason } }
        : { packages: known, doubted }
    }
  }
}

interface JudgeOptions extends SettleOptions {
  /** True if an operator accepts the packages of this manager as they were found. */
  readonly isAccepted: boolean
  /** True if the packages of the host are unknown and no manager lists any. */
  readonly isFirst: boolean
}

function judgeRead(
  { packages, doubts }: CollectorResult & { state: 'read' },
  known: readonly FactPackage[],
  before: Doubted | undefined,
  options: JudgeOptions,
): Verdict {
  const kept = keptOf(known, packages, doubts)
  const seen = [...packages, ...kept]
  if (options.isAccepted && kept.length > 0)
    return { packages, acceptable: true, confirmed: goneFrom(known, packages).length }
  const reason = options.isFirst ? NOTHING_LISTED : implausible(known, seen)
  if (reason !== undefined) return doubt({ reason, found: seen, known }, before, options)
  // The database contradicts itself in each collection, so only an operator can decide.
  const failed = doubts.find(
    (one) => one.isOdd !== true && keptOf(known, packages, [one]).length > 0,
  )
  const acceptable = kept.length > 0
  if (failed === undefined) return { packages: seen, acceptable }
  return { packages: seen, problem: { kind: 'implausible', reason: failed.reason }, acceptable }
}

/**
 * Keeps the known packages, unless an earlier collection found the same or an operator accepts it.
 */
function doubt(
  doubtful: {
    reason: string
    found: readonly FactPackage[]
    known: readonly FactPackage[]
  },
  before: Doubted | undefined,
  options: JudgeOptions,
): Verdict {
  const { found, known, reason } = doubtful
  const print = printOf(found)
  const since = sinceOf(print, before, options)
  if (options.isAccepted || isOld(since, options))
    return { packages: found, acceptable: true, confirmed: goneFrom(known, found).length }
  return {
    packages: known,
    doubted: { print, since },
    problem: { kind: 'implausible', reason },
    acceptable: true,
  }
}

/** Returns the time when this was found first. The time starts again if the clock was set back. */
function sinceOf(print: string, before: Doubted | undefined, { at }: SettleOptions): string {
  if (before?.print !== print || parseRfc3339(before.since) > parseRfc3339(at)) return at
  return before.since
}

function isOld(since: string, { at }: SettleOptions): boolean {
  return parseRfc3339(at) - parseRfc3339(since) >= CONFIRM_AFTER_MS
}

function printOf(found: readonly FactPackage[]): string {
  return blake3Of(Buffer.from(canonicalJson([...found].sort(comparePackages))))
}

/**
 * Returns the known packages that are in doubt and that the database doesn't list. If some versions
 * of a package are listed, only as many stay as are missing.
 */
function keptOf(
  known: readonly FactPackage[],
  found: readonly FactPackage[],
  doubts: readonly Doubt[],
): readonly FactPackage[] {
  if (doubts.length === 0) return []
  const isDoubted = ({ name }: FactPackage): boolean =>
    doubts.some(({ names }) => names === undefined || names.has(name))
  const listed = Map.groupBy(found, placeOf)
  return [...Map.groupBy(known.filter(isDoubted), placeOf)].flatMap(([place, mine]) => {
    const there = listed.get(place) ?? []
    const missing = mine.filter((pkg) => !there.some((one) => comparePackages(one, pkg) === 0))
    return missing.slice(0, Math.max(0, mine.length - there.length))
  })
}

/** Returns the same text for all versions of one package. */
function placeOf({ name, arch }: FactPackage): string {
  return JSON.stringify([name, arch])
}

/** Returns the reason why a change is implausible, or undefined if it is plausible. */
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

/** Returns the known packages of which no version is in the list. */
function goneFrom(
  known: readonly FactPackage[],
  found: readonly FactPackage[],
): readonly FactPackage[] {
  const there = new Set(found.map(placeOf))
  return known.filter((pkg) => !there.has(placeOf(pkg)))
}

/**
 * Decides for a host without packages whether its packages are unknown. Also returns the reason.
 */
function judgeEmpty(
  verdicts: readonly Judged[],
  { known }: SettleOptions,
): { isUnknown: boolean; reason?: string } {
  const are = (...states: CollectorResult['state'][]): readonly Judged[] =>
    verdicts.filter(({ result }) => states.includes(result.state))
  // The manager already has a problem with this reason.
  if (are('unreadable', 'busy').length > 0) return { isUnknown: known === undefined }
  if (are('read').length === 0 || are('unsupported').length > 0)
    return { isUnknown: known === undefined, reason: whyNothing(verdicts) }
  const isDoubted = are('read').every(({ problem }) => problem !== undefined)
  return { isUnknown: known === undefined && isDoubted }
}

function nameOdd(odd: readonly string[]): string {
  const first = odd.slice(0, SHOWN_ODD).join('; ')
  return odd.length > SHOWN_ODD ? `${first}; and ${odd.length - SHOWN_ODD} more` : first
}

/** Keeps the time of a problem that already existed. */
function keepSince(problems: readonly FactProblem[], { previous }: SettleOptions): FactProblem[] {
  return problems.map((problem) => {
    const same = previous.find(
      (old) => old.manager === problem.manager && old.kind === problem.kind,
    )
    return same === undefined ? problem : { ...problem, since: same.since }
  })
}
