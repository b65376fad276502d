/**
 * The files of a repository version, as paths and blobs. Publishing builds trees from them.
 */
import type { Kysely } from 'kysely'
import type { BlobId } from '../../../shared/ids.ts'
import type { Tables } from '../../database/tables/all.ts'
import type { FileKind } from '../model/version.ts'

export interface ManifestFile {
  /** Relative to the repository's root; checked when it was stored. */
  readonly path: string
  readonly blob: BlobId
  /** Bytes. */
  readonly size: number
  readonly kind: FileKind
}

/** Rows of one query. The whole manifest is in memory: about 200 bytes for each package. */
const PAGE = 5000

/** Returns all files of a version, packages last. Empty for a version that doesn't exist. */
export async function readManifest(db: Kysely<Tables>, version: number): Promise<ManifestFile[]> {
  const files = await db
    .selectFrom('version_file')
    .select(['path', 'blob', 'size', 'kind'])
    .where('version', '=', version)
    .orderBy('path')
    .execute()
  const manifest: ManifestFile[] = files
  for (let after = -1; ; ) {
    const rows = await db
      .selectFrom('version_package')
      .innerJoin('package', 'package.pk', 'version_package.package')
      .select(['package.pk', 'package.href', 'package.blob', 'package.size'])
      .where('version_package.version', '=', version)
      .where('version_package.package', '>', after)
      .orderBy('version_package.package')
      .limit(PAGE)
      .execute()
    for (const { href, blob, size } of rows) {
      if (blob === null) throw new Error(`the package ${href} of version ${version} has no blob`)
      manifest.push({ path: href, blob, size, kind: 'package' })
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return manifest
    after = last.pk
  }
}
