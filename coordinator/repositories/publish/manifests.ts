/** The files of repository versions, each with a digest of the whole tree. */
import { createHash } from 'node:crypto'
import { type ManifestFile, readManifest } from '../content/manifest.ts'
import type { Database } from '../../database/database.ts'
import { publishError } from './errors.ts'

export interface VersionManifest {
  readonly files: readonly ManifestFile[]
  /** SHA-256 of all paths and blobs. Trees with the same root are the same tree. */
  readonly root: string
}

export interface Manifests {
  /** @throws publish.unknown-version */
  of(version: { readonly repository: string; readonly version: number }): Promise<VersionManifest>
}

/**
 * Keeps the manifest that was read last, because several snapshots of one version are often read
 * one after another. A version never changes.
 */
export function createManifests({ query }: Database): Manifests {
  let last: { readonly version: number; readonly manifest: VersionManifest } | undefined
  return {
    async of({ repository, version }) {
      const row = await query
        .selectFrom('repository_version')
        .select('id')
        .where('id', '=', version)
        .where('repository', '=', repository)
        .executeTakeFirst()
      if (row === undefined) throw publishError('publish.unknown-version', { repository, version })
      if (last?.version === version) return last.manifest
      const files = await readManifest(query, version)
      const manifest = { files, root: rootOf(files) }
      last = { version, manifest }
      return manifest
    },
  }
}

/** Computes the root. It doesn't depend on the order of the files. */
function rootOf(files: readonly ManifestFile[]): string {
  const hash = createHash('sha256')
  const lines = files.map((file) => `${file.blob} ${file.size} ${file.path}\n`)
  for (const line of lines.sort()) hash.update(line)
  return hash.digest('hex')
}
