/**
 * Collects the current packages of each package manager of this host. A manager that can't be read
 * is not reported as empty, and the others are still listed.
 */
import { factSet, type FactSet, type HostFacts } from '../../shared/facts/package-set.ts'
import type { Logger } from '../../shared/logger.ts'
import { type CollectorOptions, createCollectors } from './all-collectors.ts'
import type { Collector, CollectorResult, Found } from './collectors/collector.ts'
import { collectorError, reasonOf } from './collectors/errors.ts'
import { readHost } from './collectors/host.ts'
import { collectError } from './errors.ts'

export interface Collected {
  readonly os: HostFacts
  readonly found: readonly Found[]
}

/**
 * Reads the installed packages. It needs no lock and only the right to read, and writes nothing.
 * @param options.root root of the file system that is read. Default `/`
 */
export async function collectAll(
  collectors: readonly Collector[],
  options: { readonly root?: string } = {},
  signal?: AbortSignal,
): Promise<Collected> {
  const { root = '/' } = options
  const os = await readHost({ root }, signal)
  const found: Found[] = []
  for (const collector of collectors) {
    const { manager } = collector
    const result = await readOne(collector, root, signal)
    // An absent manager is reported only if Muster supports it.
    if (result.state !== 'absent' || collector.databases(root).length > 0)
      found.push({ manager, result })
  }
  return { os, found }
}

async function readOne(
  collector: Collector,
  root: string,
  signal?: AbortSignal,
): Promise<CollectorResult> {
  try {
    return await collector.read({ root }, signal)
  } catch (error) {
    signal?.throwIfAborted()
    // If one collector fails, the results of the others are kept.
    const path = collector.databases(root)[0]?.folder ?? root
    return { state: 'unreadable', path, reason: reasonOf(error) }
  }
}

/**
 * Returns the complete facts of this host.
 * @throws facts.unreadable, facts.unknown, facts.malformed
 */
export async function collect(
  deps: { log: Logger },
  options: CollectorOptions & { readonly root?: string } = {},
  signal?: AbortSignal,
): Promise<FactSet> {
  const { os, found } = await collectAll(createCollectors(deps, options), options, signal)
  for (const { manager, result } of found)
    if (result.state === 'unreadable' || result.state === 'busy') {
      const { path, reason } = result
      throw collectorError('facts.unreadable', { manager, path, reason })
    }
  const packages = found.flatMap(({ result }) => (result.state === 'read' ? result.packages : []))
  if (packages.length === 0) throw collectError('facts.unknown', { reason: whyNothing(found) })
  return factSet(os, packages)
}

/** Returns the reason why no packages of this host are known. */
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
