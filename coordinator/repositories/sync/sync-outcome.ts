/** The result of a sync, for its record and for the caller. */
import { mirrorError } from '../model/errors.ts'
import type { ListedPackage } from '../model/package.ts'
import type { VersionRecord } from '../model/version.ts'
import type { FailedFile } from './package-queue.ts'
import type { Plan } from './plan.ts'

export interface SyncOutcome {
  readonly result: 'complete' | 'incomplete'
  /** The accepted version; undefined if nothing was accepted (incomplete, dry run). */
  readonly version: number | undefined
  /** True if the upstream has not changed. The sync did nothing. */
  readonly upToDate: boolean
  /** The number of packages that were fetched. In a dry run: that would be fetched. */
  readonly fetched: number
  readonly bytes: number
  readonly unchanged: number
  readonly removed: number
  readonly failures: readonly FailedFile[]
  /** Files that were not tried because the upstream had stopped responding. */
  readonly untried: number
}

/** Returns the outcome of a sync that made a plan and accepted no version. */
export function notAccepted(
  { unchanged, removed }: Plan,
  ended: Pick<SyncOutcome, 'result' | 'fetched' | 'bytes'> &
    Partial<Pick<SyncOutcome, 'failures' | 'untried'>>,
): SyncOutcome {
  const nothing = { version: undefined, upToDate: false, failures: [], untried: 0 }
  return { ...nothing, unchanged, removed, ...ended }
}

/**
 * Returns the outcome for packages to keep that the upstream dropped and no source has. An operator
 * must decide.
 */
export function lostPackages(lost: readonly ListedPackage[]): SyncOutcome {
  const failures = lost.map(({ href }) => {
    const error = mirrorError('mirror.lost', { file: href })
    return { file: href, reason: error.message, code: error.code }
  })
  const nothing = { version: undefined, upToDate: false, fetched: 0, bytes: 0, untried: 0 }
  return { result: 'incomplete', unchanged: 0, removed: 0, failures, ...nothing }
}

export function upToDate(last: VersionRecord): SyncOutcome {
  const nothing = { fetched: 0, bytes: 0, removed: 0, failures: [], untried: 0 }
  return {
    result: 'complete',
    version: last.id,
    upToDate: true,
    unchanged: last.packages,
    ...nothing,
  }
}
