/** What every step of a sync needs and is told. */
import type { Healer } from '../content/healer.ts'
import type { IndexDeps, IndexOptions } from '../formats/index-deps.ts'

export interface SyncDeps extends IndexDeps {
  /**
   * Brings content that the pool has lost, and that the upstream does not list or deliver any more.
   */
  readonly healer?: Healer
}

export interface SyncOptions extends IndexOptions {
  /** Reads and plans; fetches no package and accepts nothing. */
  readonly dryRun?: boolean | undefined
  readonly allowRollback?: boolean | undefined
  readonly acceptShrink?: boolean | undefined
  /** Recorded with the version. */
  readonly operation?: string | undefined
}
