/** Every collector of this version. */
import type { Logger } from '../../shared/logger.ts'
import type { Collector } from './collectors/collector.ts'
import { dpkgCollector } from './collectors/dpkg/collect.ts'
import { createRpmCollector } from './collectors/rpm/collect.ts'
import { unsupportedCollectors } from './collectors/unsupported.ts'

export interface CollectorOptions {
  /** The program that reads databases that only rpm can read. Default: `rpm` of the system. */
  readonly rpm?: string
  /** The folder for private copies of databases. Default: the system's temporary folder. */
  readonly scratch?: string
}

export function createCollectors(
  deps: { readonly log: Logger },
  options: CollectorOptions = {},
): readonly Collector[] {
  return [dpkgCollector, createRpmCollector(deps, options), ...unsupportedCollectors]
}
