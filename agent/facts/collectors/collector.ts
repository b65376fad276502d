/**
 * What a package manager's collector found. "Not here", "here and empty" and "here and unreadable"
 * are different answers: a host that can't be read is never an empty one.
 */
import type { FactPackage } from '../../../shared/facts/package-set.ts'

/** A reason not to believe that packages are gone, although the database doesn't list them. */
export interface Doubt {
  readonly reason: string
  /** The packages that it is about; absent: any. */
  readonly names?: ReadonlySet<string>
}

export type CollectorResult =
  | { readonly state: 'absent' }
  | {
      readonly state: 'read'
      readonly packages: readonly FactPackage[]
      /** Packages that are listed in part or not at all, each in words that begin with its name. */
      readonly odd: readonly string[]
      readonly doubts: readonly Doubt[]
    }
  | { readonly state: 'unreadable'; readonly path: string; readonly reason: string }
  /** It changed each time while it was read: the package manager is at work. */
  | { readonly state: 'busy'; readonly path: string; readonly reason: string }
  /** Muster has no reader for it. */
  | { readonly state: 'unsupported'; readonly path: string }

export interface Found {
  readonly manager: string
  readonly result: CollectorResult
}

export const ABSENT: CollectorResult = { state: 'absent' }
