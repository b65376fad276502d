/**
 * What a sync tells while it runs. Events, not prose: the command line draws them, `-o json` prints
 * them.
 */
export type SyncEvent =
  | { readonly type: 'phase'; readonly phase: 'metadata' | 'packages' | 'saving' }
  /**
   * What the whole sync fetches as far as it is known: metadata at first, and the packages too once
   * the plan is made.
   */
  | { readonly type: 'total'; readonly files: number; readonly bytes: number }
  /** A file has come this far; goes back to 0 when it is fetched again. */
  | { readonly type: 'file'; readonly file: string; readonly done: number; readonly size: number }
  | { readonly type: 'fetched'; readonly file: string; readonly bytes: number }
  | {
      readonly type: 'retry'
      readonly file: string
      readonly reason: string
      readonly waitMs: number
    }
  | { readonly type: 'failed'; readonly file: string; readonly reason: string }
  /** What a person should know although the sync goes on. */
  | { readonly type: 'notice'; readonly message: string }

export type OnSyncEvent = (event: SyncEvent) => void
