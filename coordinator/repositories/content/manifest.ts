/**
 * What a repository version consists of, as paths and blobs: what publishing lays out and what
 * agents ask for.
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

/** Rows read at once; the whole manifest is held, some 200 bytes a package. */
const PAGE = 5000

/**
 * All files of a version, packages last, each part in order of path. Empty for a version that does
 * not exist.
 */
export async function readManifest(db: Kysely<Tables>, version: number): Promise<ManifestFile[]> {
  const files = await db
    .selectFrom('version_file')
    .select(['path', 'blob', 'size', 'kind'])
    .where('version', '=', version)
    .orderBy('path')
    .execute()
  const manifest: ManifestFile[] = files.map((file) => ({
    path: file.path,
    blob: file.blob as BlobId,
    size: file.size,
    kind: file.kind,
  }))
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
    for (const row of rows)
      manifest.push({ path: row.href, blob: row.blob as BlobId, size: row.size, kind: 'package' })
    if (rows.length < PAGE) return manifest
    after = (rows.at(-1) as { pk: number }).pk
  }
}
