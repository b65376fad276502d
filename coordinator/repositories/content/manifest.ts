/**
 * What a repository version consists of, as paths and blobs: what publishing lays out and what
 * agents ask for.
 */
import type { Kysely } from 'kysely'
import type { BlobId } from '../../../shared/ids.ts'
import type { Tables } from '../../database/tables/all.ts'

/** What a file of a version is. `metadata`: named by repomd.xml. */
export type FileKind = 'package' | 'repomd' | 'signature' | 'signing-key' | 'metadata' | 'key-file'

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
    .select(['path', 'blob', 'size', 'type'])
    .where('version', '=', version)
    .orderBy('path')
    .execute()
  const manifest: ManifestFile[] = files.map((file) => ({
    path: file.path,
    blob: file.blob as BlobId,
    size: file.size,
    kind: kindOf(file.type),
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

/**
 * `version_file.type` holds the record type of repomd.xml for metadata, and one of our own words
 * for the rest.
 */
const OWN_TYPES = {
  'repomd.xml': 'repomd',
  'repomd.xml.asc': 'signature',
  'repomd.xml.key': 'signing-key',
  'key file': 'key-file',
} as const

export function kindOf(type: string): FileKind {
  return Object.hasOwn(OWN_TYPES, type) ? OWN_TYPES[type as keyof typeof OWN_TYPES] : 'metadata'
}

/**
 * The `version_file.type` of a file that is not metadata. Each has a character that record types
 * can't have, or a dot in its place.
 */
export function typeOf(kind: Exclude<FileKind, 'package' | 'metadata'>): string {
  return (Object.entries(OWN_TYPES).find(([, each]) => each === kind) as [string, FileKind])[0]
}
