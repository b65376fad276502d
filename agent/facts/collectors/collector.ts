/**
 * How a package manager's packages are read. "Not here", "here and empty" and "here and unreadable"
 * are different answers: a host that can't be read is never an empty one.
 */
import type { FactPackage } from '../../../shared/facts/package-set.ts'

/** Files of a host that change when a package manager changes what is installed. */
export interface Watched {
  /** Absolute. Changes in it are notified. */
  readonly folder: string
  /** Names in it that only a transaction changes: programs that read make and touch others. */
  readonly files: readonly string[]
}

/** Reads one package manager. Each runs describeCollector. */
export interface Collector {
  readonly manager: string
  /** All that is read and watched, below `root`; none for a manager that is only recognised. */
  databases(root: string): readonly Watched[]
  /**
   * Needs no lock and no rights beyond reading, and writes nothing below `root`. What is wrong with
   * the database is in the result.
   * @throws the signal's reason
   */
  read(options: { readonly root: string }, signal?: AbortSignal): Promise<CollectorResult>
}

/** A reason not to believe that packages are gone, although the database doesn't list them. */
export interface Doubt {
  readonly reason: string
  /** The packages that it is about; absent: any. */
  readonly names?: ReadonlySet<string>
  /** True if these packages are among the odd ones: they stay as they were, and nothing failed. */
  readonly isOdd?: boolean
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

/** A record that can't be read, beside others that can. */
export interface BadRecord {
  /** The package that it is about, if that is known. */
  readonly name: string | undefined
  /** In words that follow the package's name. */
  readonly reason: string
}

/** Bad records as a result tells them: named, and a reason to keep the packages they are about. */
export function oddRecords(records: readonly BadRecord[]): { odd: string[]; doubts: Doubt[] } {
  const odd = records.map(({ name, reason }) => (name === undefined ? reason : `${name} ${reason}`))
  const names = new Set(records.flatMap(({ name }) => (name === undefined ? [] : [name])))
  const doubts: Doubt[] = []
  if (names.size > 0) doubts.push({ reason: odd.join('; '), names, isOdd: true })
  const unnamed = records.filter(({ name }) => name === undefined)
  // Any package that is gone may be the one that such a record is about.
  if (unnamed.length > 0) doubts.push({ reason: unnamed.map(({ reason }) => reason).join('; ') })
  return { odd, doubts }
}

/** True if an error of the file system says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}
