/** The content of an rpm database. */
import type { FactPackage } from '../../../../shared/facts/package-set.ts'
import type { BadRecord } from '../collector.ts'

export interface RpmList {
  readonly packages: readonly FactPackage[]
  /** Records that can't be read, while the others can. */
  readonly bad: readonly BadRecord[]
}
