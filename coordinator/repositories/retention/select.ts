/**
 * Selects the packages of a new version before any package is downloaded. It selects those that the
 * upstream lists, or only the newest of them. It adds those that the upstream dropped if the
 * configuration keeps them.
 */
import type { Kysely } from 'kysely'
import { blobError } from '../../../shared/blobs/errors.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { Tables } from '../../database/tables/all.ts'
import { mirrorError } from '../model/errors.ts'
import type { RepositoryFormat } from '../formats/format.ts'
import type { ListedPackage } from '../model/package.ts'
import type { PooledFile, Selection } from '../model/selection.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import { filesOf } from '../versions/versions.ts'

export interface SelectionInput {
  readonly listed: readonly ListedPackage[]
  /** The upstream's index with the files beside it. */
  readonly files: readonly PooledFile[]
  /** The version that was accepted last. */
  readonly last: number | undefined
  /** True if packages with lost metadata may be dropped. */
  readonly acceptShrink: boolean
}

export interface SelectionDeps {
  readonly format: RepositoryFormat
  readonly query: Kysely<Tables>
  readonly pool: Pool
  /** Finds the packages that the pool has. */
  readonly pooled: (
    packages: readonly ListedPackage[],
  ) => Promise<ReadonlyMap<ChecksumKey, unknown>>
}

/** @throws `mirror.metadata` */
export async function selectPackages(
  deps: SelectionDeps,
  { policy, deleted_packages: deleted }: RepositoryConfig['retention'],
  input: SelectionInput,
  signal: AbortSignal,
): Promise<Selection> {
  const { listed, last } = input
  const keeps = policy === 'keep-all' || deleted === 'keep'
  const gone =
    keeps && last !== undefined ? await goneSince(deps, { ...input, last }, signal) : NOTHING
  const pooled = await deps.pooled([...gone.packages.keys()])
  const there = [...gone.packages.keys()].filter((each) => pooled.has(checksumKey(each.checksum)))
  const lost = [...gone.packages.keys()].filter((each) => !pooled.has(checksumKey(each.checksum)))
  const all = [...listed, ...there]
  const packages =
    policy === 'newest-only'
      ? await deps.format.newest(deps, all, [...input.files, ...gone.files], signal)
      : all
  const numbers = new Set(packages.flatMap((each) => gone.packages.get(each) ?? []))
  const asListed = numbers.size === 0 && packages.length === listed.length
  const notices = [
    lost.length > 0
      ? `${lost.length} packages that the upstream no longer has are also lost in the pool, ` +
        'and left out'
      : undefined,
    !asListed && input.files.some(({ kind }) => kind === 'signature')
      ? SIGNATURE_LEFT_OUT
      : undefined,
  ].filter((notice) => notice !== undefined)
  return {
    packages,
    carried: numbers.size === 0 ? undefined : { files: gone.files, numbers },
    asListed,
    lost,
    notices,
  }
}

const SIGNATURE_LEFT_OUT =
  "the metadata are not the upstream's any more, so its signature of them was left out"

interface Gone {
  /** The files of the last version. */
  readonly files: readonly PooledFile[]
  /** Packages with their number in the listing of that version. */
  readonly packages: ReadonlyMap<ListedPackage, number>
}

const NOTHING: Gone = { files: [], packages: new Map() }

/** Returns packages of the last version that the upstream no longer lists. */
async function goneSince(
  deps: SelectionDeps,
  { listed, last, acceptShrink }: SelectionInput & { last: number },
  signal: AbortSignal,
): Promise<Gone> {
  const files = await filesOf(deps.query, last)
  const listing = deps.format.listing(files)
  const contents = new Set(listed.map((each) => checksumKey(each.checksum)))
  // A package is not kept if its path has another file now.
  const places = new Set<string>(listed.map((each) => each.href))
  const packages = new Map<ListedPackage, number>()
  if (listing === undefined) return { files, packages }
  let number = 0
  try {
    for await (const each of deps.format.packages(deps, listing, signal)) {
      if (!contents.has(checksumKey(each.checksum)) && !places.has(each.href)) {
        packages.set(each, number)
        places.add(each.href)
      }
      number += 1
    }
  } catch (error) {
    if (!blobError.is(error, 'blob.unknown')) throw error
    if (acceptShrink) return NOTHING
    const reason =
      'it is lost, and it lists packages to keep that the upstream no longer has; ' +
      '--accept-shrink gives them up'
    throw mirrorError(
      'mirror.metadata',
      { file: `${listing.path} of the last version`, reason },
      { cause: error },
    )
  }
  return { files, packages }
}
