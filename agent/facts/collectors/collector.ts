/**
 * The interface of all collectors. "Absent", "read and empty" and "unreadable" are different
 * results, so a host that can't be read is never reported as empty.
 */
import { errno } from '../../../shared/errno.ts'
import type { FactPackage } from '../../../shared/facts/package-set.ts'

/** Files of a host that change when a package manager changes the installed packages. */
export interface Watched {
  /** An absolute path. The agent is notified of changes in this folder. */
  readonly folder: string
  /**
   * Names of files in the folder that only package transactions change. Other files can change when
   * a program only reads the database.
   */
  readonly files: readonly string[]
}

/**
 * Reads one package manager. all-collectors.ts lists all collectors. The test of each collector
 * calls describeCollector.
 */
export interface Collector {
  readonly manager: string
  /** Returns the watched files below `root`. There are none for an unsupported manager. */
  databases(root: string): readonly Watched[]
  /**
   * Reads the packages. Needs no lock and only the right to read. Writes nothing below `root`. The
   * result contains the problems of the database.
   * @throws the signal's reason
   */
  read(options: { readonly root: string }, signal?: AbortSignal): Promise<CollectorResult>
}

/** A reason to keep packages that the database doesn't list. */
export interface Doubt {
  readonly reason: string
  /** Names of the packages. If it is absent, the doubt is about every package. */
  readonly names?: ReadonlySet<string>
  /** True if `odd` lists these packages too. They are kept, and the collection still succeeds. */
  readonly isOdd?: boolean
}

export type CollectorResult =
  | { readonly state: 'absent' }
  | {
      readonly state: 'read'
      readonly packages: readonly FactPackage[]
      /**
       * A text for each odd package: one that is listed in part or not at all. The text begins with
       * the package's name.
       */
      readonly odd: readonly string[]
      readonly doubts: readonly Doubt[]
    }
  | { readonly state: 'unreadable'; readonly path: string; readonly reason: string }
  /** The database changed during each attempt, because the package manager is running. */
  | { readonly state: 'busy'; readonly path: string; readonly reason: string }
  /** Muster can't read the databases of this package manager. */
  | { readonly state: 'unsupported'; readonly path: string }

export interface Found {
  readonly manager: string
  readonly result: CollectorResult
}

export const ABSENT: CollectorResult = { state: 'absent' }

/** A record that can't be read. Others can be read. */
export interface BadRecord {
  /** The package, if it is known. */
  readonly name: string | undefined
  /** The text after the package's name. */
  readonly reason: string
}

/** Returns a text for each bad record, and the doubts that keep their packages. */
export function oddRecords(records: readonly BadRecord[]): { odd: string[]; doubts: Doubt[] } {
  const odd = records.map(({ name, reason }) => (name === undefined ? reason : `${name} ${reason}`))
  const names = new Set(records.flatMap(({ name }) => (name === undefined ? [] : [name])))
  const doubts: Doubt[] = []
  if (names.size > 0) doubts.push({ reason: odd.join('; '), names, isOdd: true })
  const unnamed = records.filter(({ name }) => name === undefined)
  // A record without a name can belong to any package that disappeared.
  if (unnamed.length > 0) doubts.push({ reason: unnamed.map(({ reason }) => reason).join('; ') })
  return { odd, doubts }
}

/** Returns true if an error of the file system means that the file does not exist. */
export function isAbsent(error: unknown): boolean {
  const code = errno(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
