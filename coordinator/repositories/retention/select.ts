/**
 * Which packages a new version has, decided from metadata before anything is downloaded: what the
 * upstream lists, what of that is newest, and what earlier versions had that the upstream has no
 * longer.
 */
import type { Kysely } from 'kysely'
import { blobError } from '../../../shared/blobs/errors.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { BlobId } from '../../../shared/ids.ts'
import type { Tables } from '../../database/tables/all.ts'
import { mirrorError } from '../model/errors.ts'
import { decompress } from '../decompress/decompress.ts'
import { type ModuleVersion, readModules } from '../formats/rpm/metadata/modules.ts'
import { readPrimary } from '../formats/rpm/metadata/primary.ts'
import type { ListedPackage } from '../model/package.ts'
import type { PooledFile, Selection } from '../model/selection.ts'
import { type ChecksumKey, checksumKey } from '../model/checksum.ts'
import { newestPackages } from '../formats/rpm/newest.ts'

/**
 * Our own metadata and what was verified when it was taken in: the bound of the largest that is
 * accepted.
 */
const MAX_OPEN_BYTES = 4 * 1024 ** 3
/** RHEL 8 AppStream's modules have some 10 MiB. */
const MAX_MODULES_BYTES = 256 * 1024 ** 2

export interface SelectionInput {
  readonly listed: readonly ListedPackage[]
  /** The upstream's metadata, and what lies beside its repomd.xml. */
  readonly files: readonly PooledFile[]
  /** The version that was accepted last. */
  readonly last: number | undefined
  /** Whether packages whose metadata is lost may go. */
  readonly acceptShrink: boolean
}

export interface SelectionDeps {
  readonly query: Kysely<Tables>
  readonly pool: Pool
  /** What of these the pool has. */
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
  // Never dropping anything includes what the upstream has dropped.
  const keeps = policy === 'keep-all' || deleted === 'keep'
  const gone =
    keeps && last !== undefined ? await goneSince(deps, { ...input, last }, signal) : NOTHING
  const pooled = await deps.pooled([...gone.packages.keys()])
  const there = [...gone.packages.keys()].filter((each) => pooled.has(checksumKey(each.checksum)))
  const lost = [...gone.packages.keys()].filter((each) => !pooled.has(checksumKey(each.checksum)))
  const all = [...listed, ...there]
  const packages =
    policy === 'newest-only'
      ? newestPackages(all, await modulesOf(deps, [...input.files, ...gone.files], signal))
      : all
  const numbers = new Set(packages.flatMap((each) => gone.packages.get(each) ?? []))
  const asListed = numbers.size === 0 && packages.length === listed.length
  const notices = [
    ...(lost.length === 0
      ? []
      : [
          `${lost.length} packages that the upstream has no longer are lost to the pool too, and left out`,
        ]),
    ...(asListed || !input.files.some(({ type }) => type === 'repomd.xml.asc')
      ? []
      : [SIGNATURE_LEFT_OUT]),
  ]
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
  /** Of the last version. */
  readonly files: readonly PooledFile[]
  /** Each with its number in that version's primary metadata. */
  readonly packages: ReadonlyMap<ListedPackage, number>
}

const NOTHING: Gone = { files: [], packages: new Map() }

/** Packages of the last version that the upstream does not list any more. */
async function goneSince(
  deps: SelectionDeps,
  { listed, last, acceptShrink }: SelectionInput & { last: number },
  signal: AbortSignal,
): Promise<Gone> {
  const files = await filesOf(deps.query, last)
  const primary = files.find((each) => each.type === 'primary')
  const contents = new Set(listed.map((each) => checksumKey(each.checksum)))
  // A package that was replaced at its place is gone: two can't lie there.
  const places = new Set<string>(listed.map((each) => each.href))
  const packages = new Map<ListedPackage, number>()
  if (primary === undefined) return { files, packages }
  let number = 0
  try {
    for await (const each of readPrimary(
      open(deps.pool, primary, MAX_OPEN_BYTES, signal),
      primary.path,
    )) {
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
      'it is lost, and names packages that are to be kept though the upstream has them no longer; --accept-shrink gives them up'
    throw mirrorError(
      'mirror.metadata',
      { file: `${primary.path} of the last version`, reason },
      { cause: error },
    )
  }
  return { files, packages }
}

async function filesOf(query: Kysely<Tables>, version: number): Promise<PooledFile[]> {
  const rows = await query
    .selectFrom('version_file')
    .select(['type', 'path', 'blob'])
    .where('version', '=', version)
    .execute()
  return rows.map(({ type, path, blob }) => ({ type, path, blob: blob as BlobId }))
}

/**
 * Modules of the upstream, and of the last version, so that what is kept of a stream that was
 * dropped is still known as modular.
 */
async function modulesOf(
  deps: { pool: Pool },
  files: readonly PooledFile[],
  signal: AbortSignal,
): Promise<ModuleVersion[]> {
  const modules: ModuleVersion[] = []
  const byBlob = new Map(
    files.filter(({ type }) => type === 'modules').map((file) => [file.blob, file]),
  )
  for (const file of byBlob.values())
    modules.push(
      ...(await readModules(open(deps.pool, file, MAX_MODULES_BYTES, signal), file.path)),
    )
  return modules
}

/** @throws blob.unknown, also for content that is found damaged now */
async function* open(
  pool: Pool,
  file: PooledFile,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if ((await pool.verify(file.blob, signal)) !== 'sound')
    throw blobError('blob.unknown', { id: file.blob })
  yield* decompress(pool.read(file.blob, undefined, signal), { file: file.path, maxBytes })
}
