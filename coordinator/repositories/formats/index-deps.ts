/** What reading an index of an upstream needs and is told. */
import type { Database } from '../../database/database.ts'
import type { OnSyncEvent } from '../model/progress.ts'
import type { DownloadDeps } from '../upstream/download.ts'
import type { Upstream } from '../upstream/upstream.ts'

export interface IndexDeps extends DownloadDeps {
  readonly database: Database
  /** A client without credentials for another address. The caller closes it. */
  readonly elsewhere: (folder: URL) => Upstream
}

export interface IndexOptions {
  readonly signal: AbortSignal
  readonly onEvent: OnSyncEvent
  /** Files fetched at once. */
  readonly workers: number
}
