/**
 * The facts of this host, whole or not at all: if one package manager's database can't be read, there is no set, because a set without its
 * packages would say that they had been removed.
 */
import { factSet } from '../../shared/facts/package-set.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import type { Logger } from '../../shared/logger.ts'
import { readDpkg } from './dpkg.ts'
import { readHost } from './host.ts'
import { readRpm } from './rpm.ts'

export interface CollectOptions {
  /** Root of the file system that is read. Default `/`. */
  root?: string
  /** rpm, for databases that only it can read. Default: `rpm` of the system. */
  rpm?: string
}

/**
 * Reads what the host has installed now. Needs no lock and no rights but reading.
 * @throws facts.unreadable, facts.rpm, facts.malformed
 */
export async function collect(
  deps: { log: Logger },
  options: CollectOptions = {},
  signal?: AbortSignal,
): Promise<FactSet> {
  const { root = '/', rpm = 'rpm' } = options
  const os = await readHost({ root }, signal)
  const dpkg = await readDpkg({ root }, signal)
  const rpms = await readRpm(deps, { root, program: rpm }, signal)
  return factSet(os, [...(dpkg ?? []), ...(rpms ?? [])])
}
