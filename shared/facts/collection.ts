/**
 * Describes the result of a collection: the package managers that were read, and the problems with
 * their reasons. It marks facts that are kept because they could not be read again.
 */
import { z } from 'zod'

/**
 * - `unreadable`: the manager's database exists and can't be read;
 * - `implausible`: it was read, and its changes are not accepted yet;
 * - `failed`: the collection failed as a whole;
 * - `unsupported`: the manager is on the host, and Muster can't read it;
 * - `odd`: packages that are listed in part or not at all;
 * - `polling`: there are no notifications, so changes are found by comparisons.
 *
 * Newer agents may send others.
 */
export type ProblemKind =
  | 'unreadable'
  | 'implausible'
  | 'failed'
  | 'unsupported'
  | 'odd'
  | 'polling'

const MAX_PROBLEMS = 32
export const MAX_MANAGERS = 32
/** The maximum length of a reason, which has a path, a count and a few names. */
export const MAX_REASON = 500
const word = z.string().max(32)

export const factProblem = z.object({
  /** The package manager. Empty for the whole host. */
  manager: word,
  /** A {@link ProblemKind}, or one of a newer version. */
  kind: word,
  reason: z.string().max(MAX_REASON),
  /** The time of the first detection, RFC 3339, by the host's clock. */
  since: word,
})

/** The state of one package manager, and the number of its known packages. */
export const factManager = z.object({
  name: word,
  /** A state of CollectorResult (agent/facts/collectors/), or one of a newer version. */
  state: word,
  packages: z.int().nonnegative(),
})

export const factCollection = z.object({
  /** The time of the collection, RFC 3339, by the host's clock. */
  at: word,
  managers: z.array(factManager).max(MAX_MANAGERS),
  problems: z.array(factProblem).max(MAX_PROBLEMS),
})

export type FactProblem = z.infer<typeof factProblem>
export type FactCollection = z.infer<typeof factCollection>

const FAILURES: ReadonlySet<string> = new Set<ProblemKind>(['unreadable', 'implausible', 'failed'])

/** True if the facts of this manager, or of the host, may be out of date. */
export function isFailure(problem: FactProblem): boolean {
  return FAILURES.has(problem.kind)
}

/** Returns the managers whose packages an operator may accept as found. */
export function acceptableOf(problems: readonly FactProblem[]): string[] {
  const named = problems.filter(({ kind, manager }) => kind === 'implausible' && manager !== '')
  return [...new Set(named.map(({ manager }) => manager))]
}

/** True if the known packages of this manager may be out of date. */
export function isStale(problems: readonly FactProblem[], manager: string): boolean {
  return problems.some(
    (problem) => isFailure(problem) && (problem.manager === manager || problem.manager === ''),
  )
}

/** `rpm can't be read since 2026-01-31T08:00:00.000Z: /var/lib/rpm/Packages.db: …`. */
export function describeProblem({ manager, kind, reason, since }: FactProblem): string {
  const what = manager === '' ? 'the packages of this host' : manager
  switch (kind) {
    case 'unreadable':
      return `${what} can't be read since ${since}: ${reason}`
    case 'implausible':
      return `what ${what} lists is not believed since ${since}: ${reason}`
    case 'failed':
      return `the packages of this host are not taken since ${since}: ${reason}`
    case 'unsupported':
      return manager === ''
        ? `${what} are unknown: ${reason}`
        : `${what} is not supported: ${reason}`
    case 'odd':
      return `odd packages of ${what}: ${reason}`
    case 'polling':
      return reason
    default:
      // A newer agent sent this kind of problem.
      return `${what}, ${kind} since ${since}: ${reason}`
  }
}

export type FactManager = z.infer<typeof factManager>

/** `dpkg: 772 packages`, `rpm: not here`. */
export function describeManager({ name, state, packages }: FactManager): string {
  const count = `${packages} ${packages === 1 ? 'package' : 'packages'}`
  switch (state) {
    case 'read':
      return `${name}: ${packages === 0 ? 'empty' : count}`
    case 'absent':
      return `${name}: not here${packages === 0 ? '' : `, ${count} known`}`
    case 'unreadable':
    case 'busy':
      return `${name}: ${state}, ${count} known`
    case 'unsupported':
      return `${name}: not supported`
    default:
      return `${name}: ${state}, ${count}`
  }
}

/** Cuts a reason to its maximum length. */
export function shortReason(text: string): string {
  return text.length <= MAX_REASON ? text : `${text.slice(0, MAX_REASON - 1).toWellFormed()}…`
}
