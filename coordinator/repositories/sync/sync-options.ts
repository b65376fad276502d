/** What every step of a sync needs and is told. */
import type { Healer } from '../content/healer.ts'
import type { Database } from '../../database/database.ts'
import type { DownloadDeps } from '../upstream/download.ts'
import type { KeyFileDeps } from '../formats/rpm/key-files.ts'
import type { OnSyncEvent } from '../model/progress.ts'

export interface SyncDeps extends KeyFileDeps, DownloadDeps {
  readonly database: Database
  /**
   * Brings content that the pool has lost, and that the upstream does not list or deliver any more.
   */
  readonly healer?: Healer
}

export interface SyncOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
  readonly workers: number
  /** Reads and plans; fetches no package and accepts nothing. */
  readonly dryRun?: boolean | undefined
  readonly allowRollback?: boolean | undefined
  readonly acceptShrink?: boolean | undefined
  /** Recorded with the version. */
  readonly operation?: string | undefined
}
