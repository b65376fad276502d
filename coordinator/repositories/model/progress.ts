/**
 * The events that a sync sends while it runs. The command line draws them, and `-o json` prints
 * them.
 */
export type SyncEvent =
  | { readonly type: 'phase'; readonly phase: 'metadata' | 'packages' | 'saving' }
  /**
   * The size of all files that the sync will fetch, as far as it is known. At first it has only the
   * metadata. After the plan is made, it includes the packages.
   */
  | { readonly type: 'total'; readonly files: number; readonly bytes: number }
  /** The received bytes of a file; 0 again when the sync fetches it again. */
  | { readonly type: 'file'; readonly file: string; readonly done: number; readonly size: number }
  | { readonly type: 'fetched'; readonly file: string; readonly bytes: number }
  | {
      readonly type: 'retry'
      readonly file: string
      readonly reason: string
      readonly waitMs: number
    }
  | { readonly type: 'failed'; readonly file: string; readonly reason: string }
  /** A text for the operator. The sync continues. */
  | { readonly type: 'notice'; readonly message: string }

export type OnSyncEvent = (event: SyncEvent) => void
