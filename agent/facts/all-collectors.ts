/** Every collector of this version. */
import type { Logger } from '../../shared/logger.ts'
import type { Collector } from './collectors/collector.ts'
import { dpkgCollector } from './collectors/dpkg/collect.ts'
import { createRpmCollector } from './collectors/rpm/collect.ts'
import { unsupportedCollectors } from './collectors/unsupported.ts'

export interface CollectorOptions {
  /** rpm, for databases that only it can read. Default: `rpm` of the system. */
  readonly rpm?: string
  /** Where private copies of databases are made. Default: the system's temporary folder. */
  readonly scratch?: string
}

export function createCollectors(
  deps: { readonly log: Logger },
  options: CollectorOptions = {},
): readonly Collector[] {
  return [dpkgCollector, createRpmCollector(deps, options), ...unsupportedCollectors]
}
