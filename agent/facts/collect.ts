/**
 * What each package manager of this host lists now. One that can't be read doesn't hide the others,
 * and is never taken for an empty one.
 */
import { factSet, type FactSet, type HostFacts } from '../../shared/facts/package-set.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Found } from './collectors/collector.ts'
import { readDpkg } from './collectors/dpkg/collect.ts'
import { collectError } from './errors.ts'
import { readHost } from './collectors/host.ts'
import { readRpm } from './collectors/rpm/collect.ts'
import { findUnsupported } from './collectors/unsupported.ts'

export interface CollectOptions {
  /** Root of the file system that is read. Default `/`. */
  root?: string
  /** rpm, for databases that only it can read. Default: `rpm` of the system. */
  rpm?: string
  /** Where private copies of databases are made. Default: the system's temporary folder. */
  scratch?: string
}

export interface Collected {
  readonly os: HostFacts
  readonly found: readonly Found[]
}

/**
 * Reads what the host has installed now. Needs no lock and no rights but reading; writes nothing.
 */
export async function collectAll(
  deps: { log: Logger },
  options: CollectOptions = {},
  signal?: AbortSignal,
): Promise<Collected> {
  const { root = '/', rpm = 'rpm', scratch } = options
  const os = await readHost({ root }, signal)
  const dpkg = await readDpkg({ root }, signal)
  const rpms = await readRpm(
    deps,
    { root, program: rpm, ...(scratch === undefined ? {} : { scratch }) },
    signal,
  )
  const found = [
    { manager: 'dpkg', result: dpkg },
    { manager: 'rpm', result: rpms },
    ...(await findUnsupported({ root })),
  ]
  return { os, found }
}

/**
 * The facts of this host, whole or not at all.
 * @throws facts.unreadable, facts.unknown, facts.malformed
 */
export async function collect(
  deps: { log: Logger },
  options: CollectOptions = {},
  signal?: AbortSignal,
): Promise<FactSet> {
  const { os, found } = await collectAll(deps, options, signal)
  for (const { manager, result } of found)
    if (result.state === 'unreadable' || result.state === 'busy') {
      const { path, reason } = result
      throw collectError('facts.unreadable', { manager, path, reason })
    }
  const packages = found.flatMap(({ result }) => (result.state === 'read' ? result.packages : []))
  if (packages.length === 0) throw collectError('facts.unknown', { reason: whyNothing(found) })
  return factSet(os, packages)
}

/** Why no packages are known of a host on which nothing was read. */
export function whyNothing(found: readonly Found[]): string {
  const named = (state: Found['result']['state']): string =>
    found
      .filter(({ result }) => result.state === state)
      .map(({ manager }) => manager)
      .join(', ')
  const [unsupported, read] = [named('unsupported'), named('read')]
  if (unsupported !== '') return `its package manager is not supported (${unsupported})`
  if (read !== '') return `its package manager lists no packages (${read})`
  return 'it has no package manager that Muster reads (dpkg, rpm)'
}
