/** Fetches files without a checksum in the metadata: repomd.xml, its signature, and keys. */
import type { RepositoryConfig } from '../../../../shared/config/repository.ts'
import { mirrorError } from '../../model/errors.ts'
import { findKeyFiles } from './key-files.ts'
import type { FetchedRepomd } from './listing.ts'
import { ownHref } from '../../model/href.ts'
import { REPOMD } from './metadata/repomd.ts'
import { allSettled } from '../../../../shared/concurrency/all-settled.ts'
import type { IndexDeps, IndexOptions } from '../format.ts'
import type { SmallFile, Upstream } from '../../upstream/upstream.ts'
import type { VersionFile, VersionFileKind } from '../../model/version.ts'

/** Signatures and keys of repomd.xml are a few KiB. */
const MAX_SIGNATURE_BYTES = 256 * 1024

export async function fetchExtras(
  deps: IndexDeps,
  config: RepositoryConfig,
  repomd: FetchedRepomd,
  options: IndexOptions,
): Promise<VersionFile[]> {
  const { signal } = options
  const beside = async (path: string, kind: 'signature' | 'signing-key') => {
    const file = await optional(deps.upstream, path, signal)
    return file === undefined ? [] : [{ path, bytes: file.bytes, kind }]
  }
  const [signature, signingKey] = await allSettled(
    beside(`${REPOMD}.asc`, 'signature'),
    beside(`${REPOMD}.key`, 'signing-key'),
  )
  const keys = (await findKeyFiles(deps, config, options)).map((key) => ({
    ...key,
    kind: 'key' as const,
  }))
  const small: { path: string; bytes: Buffer; kind: VersionFileKind }[] = [
    { path: REPOMD, bytes: repomd.file.bytes, kind: 'index' },
    ...signature,
    ...signingKey,
    ...keys,
  ]
  const files: VersionFile[] = []
  for (const { path, bytes, kind } of small) {
    const taken = await deps.pool.ingest(chunk(bytes), {
      maxBytes: bytes.length,
      expect: { size: bytes.length },
      signal,
    })
    const { id, sha256, size } = taken
    files.push({ id, sha256, size, path: ownHref(path), kind, label: '' })
  }
  return files
}

/**
 * Fetches a file that many repositories don't have. Content networks may also return 403 for it.
 */
async function optional(
  upstream: Upstream,
  path: string,
  signal: AbortSignal,
): Promise<SmallFile | undefined> {
  try {
    const file = await upstream.small(ownHref(path), { maxBytes: MAX_SIGNATURE_BYTES, signal })
    return typeof file === 'string' ? undefined : file
  } catch (error) {
    if (mirrorError.is(error, 'mirror.denied')) return undefined
    throw error
  }
}

async function* chunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
