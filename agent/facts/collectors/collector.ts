/**
 * The interface of all collectors. "Absent", "read and empty" and "unreadable" are different
 * results, so a host that can't be read is never reported as empty.
 */
import { errno } from '../../../shared/errno.ts'
import type { FactPackage } from '../../../shared/facts/package-set.ts'

/** Files of a host that change when a package manager changes the installed packages. */
export interface Watched {
  /** An absolute path. The agent gets notifications of changes in it. */
  readonly folder: string
  /** Names in it that only transactions change. Programs that read may change other files. */
  readonly files: readonly string[]
}

/** Reads one package manager. all-collectors.ts has the list; each runs describeCollector. */
export interface Collector {
  readonly manager: string
  /** The watched files below `root`; none for a manager that is only recognised. */
  databases(root: string): readonly Watched[]
  /**
   * Needs no lock and only the right to read, and writes nothing below `root`. The result contains
   * the problems of the database.
   * @throws the signal's reason
   */
  read(options: { readonly root: string }, signal?: AbortSignal): Promise<CollectorResult>
}

/** A reason to keep packages, although the database doesn't list them. */
export interface Doubt {
  readonly reason: string
  /** Names of the packages; absent for any package. */
  readonly names?: ReadonlySet<string>
  /** True if these packages are also in `odd`. They stay, and nothing failed. */
  readonly isOdd?: boolean
}

export type CollectorResult =
  | { readonly state: 'absent' }
  | {
      readonly state: 'read'
      readonly packages: readonly FactPackage[]
      /** A text for each package that is listed in part or not at all. It begins with the name. */
      readonly odd: readonly string[]
      readonly doubts: readonly Doubt[]
    }
  | { readonly state: 'unreadable'; readonly path: string; readonly reason: string }
  /** It changed during each attempt, because the package manager is running. */
  | { readonly state: 'busy'; readonly path: string; readonly reason: string }
  /** Muster can't read it. */
  | { readonly state: 'unsupported'; readonly path: string }

export interface Found {
  readonly manager: string
  readonly result: CollectorResult
}

export const ABSENT: CollectorResult = { state: 'absent' }

/** A record that can't be read, beside others that can. */
export interface BadRecord {
  /** The package, if it is known. */
  readonly name: string | undefined
  /** The text after the package's name. */
  readonly reason: string
}

/** Texts for bad records, and doubts that keep their packages. */
export function oddRecords(records: readonly BadRecord[]): { odd: string[]; doubts: Doubt[] } {
  const odd = records.map(({ name, reason }) => (name === undefined ? reason : `${name} ${reason}`))
  const names = new Set(records.flatMap(({ name }) => (name === undefined ? [] : [name])))
  const doubts: Doubt[] = []
  if (names.size > 0) doubts.push({ reason: odd.join('; '), names, isOdd: true })
  const unnamed = records.filter(({ name }) => name === undefined)
  // Each package that disappeared may be the package of such a record.
  if (unnamed.length > 0) doubts.push({ reason: unnamed.map(({ reason }) => reason).join('; ') })
  return { odd, doubts }
}

/** True if an error of the file system means that the file does not exist. */
export function isAbsent(error: unknown): boolean {
  const code = errno(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
