/**
 * Finds a package in the fleet. The result also names the hosts that may have the package, because
 * their reports are incomplete.
 */
import { defined } from '../../shared/defined.ts'
import {
  describeProblem,
  type FactProblem,
  isFailure,
  isStale,
} from '../../shared/facts/collection.ts'
import { type InstalledVersion, versionCondition } from '../../shared/facts/version-condition.ts'
import { versionsOf } from '../../shared/packages/managers.ts'
import type { AgentRecord, Agents } from '../registry/agents.ts'
import { inventoryError } from './errors.ts'
import type { FactStore } from './fact-store.ts'
import { type HostCollection, problemsOf } from './host-collections.ts'
import type { InstalledPackage } from './installed-packages.ts'

export interface PackageQuery {
  readonly name: string
  /** A condition such as `< 3.0.7`. If absent, every version matches. */
  readonly version?: string | undefined
  /** Selectors of hosts. If absent, all approved hosts are searched. */
  readonly on?: readonly string[] | undefined
}

export interface FoundPackage {
  readonly host: string
  readonly manager: string
  readonly name: string
  readonly version: string
  readonly arch: string
  /** The time of the host's report. */
  readonly seenAt: string
  /** True if the package may have changed since the report. */
  readonly stale: boolean
  readonly problem?: string
}

export interface UnsureHost {
  readonly host: string
  readonly reason: string
}

export interface PackageReport {
  readonly found: readonly FoundPackage[]
  /** Names of the hosts with more versions than the result lists. */
  readonly crowded: readonly string[]
  /** The hosts that may have the package. */
  readonly unsure: readonly UnsureHost[]
}

export interface FindDeps {
  readonly agents: Pick<Agents, 'list' | 'select'>
  readonly store: Pick<FactStore, 'installed' | 'collections' | 'reported'>
  readonly connected: (peerId: string) => boolean
}

/** @throws inventory.bad-version, registry.unknown-host */
export async function findPackage(
  { agents, store, connected }: FindDeps,
  { name, version, on }: PackageQuery,
): Promise<PackageReport> {
  // Searches only approved hosts, because a revoked host is no longer in the fleet. `facts show`
  // still returns its facts.
  const hosts =
    on === undefined
      ? (await agents.list()).filter((agent) => agent.status === 'approved')
      : await agents.select(on)
  const matches = parseCondition(version)
  const ids = on === undefined ? undefined : hosts.map((host) => host.id)
  const { packages, crowded } = await store.installed(name, ids)
  const collections = await store.collections.all()
  const reported = await store.reported()
  const byId = new Map<string, AgentRecord>(hosts.map((host) => [host.id, host]))
  return {
    found: packages.filter(matches).flatMap((installed) => {
      const host = byId.get(installed.agent)
      if (host === undefined) return []
      const isOffline = !connected(host.peerId)
      return [describeFound({ name, host, isOffline }, installed, collections.get(host.id))]
    }),
    crowded: [...crowded].map((id) => byId.get(id)?.name ?? id),
    unsure: hosts.flatMap((host) => {
      const collection = collections.get(host.id)
      const reason = reasonToDoubt(name, reported.has(host.id), problemsOf(collection))
      return reason === undefined ? [] : [{ host: host.name, reason }]
    }),
  }
}

function describeFound(
  about: { readonly name: string; readonly host: AgentRecord; readonly isOffline: boolean },
  installed: InstalledPackage,
  collection: HostCollection | undefined,
): FoundPackage {
  const { manager, arch, at } = installed
  const problem = problemsOf(collection).find((each) => isStale([each], manager))
  return defined({
    host: about.host.name,
    manager,
    name: about.name,
    version: versionsOf(manager).format(installed),
    arch,
    seenAt: at,
    stale: about.isOffline || problem !== undefined,
    problem: problem && describeProblem(problem),
  })
}

/**
 * Returns the reason why a host may have a package that it did not report. Undefined if its report
 * is complete.
 */
function reasonToDoubt(
  name: string,
  hasReported: boolean,
  all: readonly FactProblem[],
): string | undefined {
  const problems = all.filter((problem) => hidesPackages(problem) || isAbout(problem, name))
  if (problems.length > 0) return problems.map(describeProblem).join('; ')
  return hasReported ? undefined : 'it has not reported yet'
}

/** True if the host may have packages that it did not report. */
function hidesPackages(problem: FactProblem): boolean {
  return isFailure(problem) || (problem.kind === 'unsupported' && problem.manager === '')
}

/**
 * True if a record of this package could not be read. Each part of an `odd` reason begins with the
 * name of a package.
 */
function isAbout({ kind, reason }: FactProblem, name: string): boolean {
  return kind === 'odd' && reason.split('; ').some((words) => words.startsWith(`${name} `))
}

/** @throws inventory.bad-version */
function parseCondition(text: string | undefined): (installed: InstalledVersion) => boolean {
  if (text === undefined) return () => true
  const matches = versionCondition(text)
  if (matches === undefined) throw inventoryError('inventory.bad-version', { version: text })
  return matches
}
