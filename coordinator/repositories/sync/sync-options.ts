/** The dependencies and options of every step of a sync. */
import type { Healer } from '../content/healer.ts'
import type { IndexDeps, IndexOptions, RepositoryFormat } from '../formats/format.ts'

export interface SyncDeps extends IndexDeps {
  readonly format: RepositoryFormat
  /** Fetches content that the pool has lost and that the upstream doesn't list or deliver. */
  readonly healer?: Healer
}

export interface SyncOptions extends IndexOptions {
  /** Reads and plans, but fetches no package and accepts no version. */
  readonly dryRun?: boolean | undefined
  readonly allowRollback?: boolean | undefined
  readonly acceptShrink?: boolean | undefined
  /** Recorded with the version. */
  readonly operation?: string | undefined
}
