/** What every step of a sync needs and is told. */
import type { Healer } from '../content/healer.ts'
import type { IndexDeps, IndexOptions, RepositoryFormat } from '../formats/format.ts'

export interface SyncDeps extends IndexDeps {
  readonly format: RepositoryFormat
  /** Brings content that the pool has lost and that the upstream doesn't list or deliver. */
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
