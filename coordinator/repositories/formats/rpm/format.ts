/**
 * Repositories of RPM packages: `repodata/repomd.xml` and its files, as createrepo_c writes them.
 */
import type { Json } from '../../../../shared/canonical-json.ts'
import type { RepositoryConfig } from '../../../../shared/config/repository.ts'
import { rpmVersions } from '../../../../shared/packages/rpm-version.ts'
import type { PooledFile } from '../../model/selection.ts'
import type { PoolDeps, RepositoryFormat } from '../format.ts'
import { openPooled } from '../open-pooled.ts'
import { fetchRepomd } from './listing.ts'
import { type ModuleVersion, readModules } from './metadata/modules.ts'
import { readPrimary } from './metadata/primary.ts'
import { readAdvisoryIds } from './metadata/updateinfo.ts'
import { newestPackages } from './newest.ts'
import { upstreamIndex } from './upstream-index.ts'

/** The limit of opened metadata. It was verified earlier, and this is the largest size accepted. */
const MAX_OPEN_BYTES = 4 * 1024 ** 3
/** The modules of RHEL 8 AppStream have about 10 MiB. */
const MAX_MODULES_BYTES = 256 * 1024 ** 2
/** Red Hat's largest updateinfo has 150 MiB. */
const MAX_UPDATEINFO_BYTES = 1024 ** 3

/** Metadata whose name begins with its checksum. */
const IMMUTABLE = /^repodata\/(?:.*\/)?[0-9a-f]{64,128}-[^/]*$/

export const rpmFormat: RepositoryFormat = {
  type: 'rpm',
  manager: rpmVersions,
  contents,
  async probe(upstream, last, options) {
    const found = await fetchRepomd(upstream, last, options)
    if (found === 'unchanged') return found
    const { etag, lastModified } = found.file
    return { sha256: found.sha256, etag, lastModified, read: () => upstreamIndex(found) }
  },
  listing: (files) => files.find(({ label }) => label === 'primary'),
  packages: (deps, listing, signal) =>
    readPrimary(openPooled(deps, listing, { maxBytes: MAX_OPEN_BYTES, signal }), listing.path),
  newest: async (deps, packages, files, signal) =>
    newestPackages(packages, await modulesOf(deps, files, signal)),
  async advisories(deps, files, signal) {
    const file = files.find(({ label }) => label === 'updateinfo')
    if (file === undefined) return []
    const bytes = openPooled(deps, file, { maxBytes: MAX_UPDATEINFO_BYTES, signal })
    return readAdvisoryIds(bytes, file.path)
  },
  immutable: (path) => IMMUTABLE.test(path),
}

function contents({ rpm }: RepositoryConfig): Json {
  const {
    architectures = null,
    gpgcheck,
    repo_gpgcheck,
    gpgkey_file = null,
    gpgkey_url = null,
    trusted_fingerprints = null,
  } = rpm
  return { architectures, gpgcheck, repo_gpgcheck, gpgkey_file, gpgkey_url, trusted_fingerprints }
}

/**
 * Returns the modules of the upstream and of the last version. The last version is included
 * because kept packages may belong to a stream that the upstream dropped.
 */
async function modulesOf(
  deps: PoolDeps,
  files: readonly PooledFile[],
  signal: AbortSignal,
): Promise<ModuleVersion[]> {
  const modules: ModuleVersion[] = []
  const byBlob = new Map(
    files.filter(({ label }) => label === 'modules').map((file) => [file.blob, file]),
  )
  for (const file of byBlob.values()) {
    const bytes = openPooled(deps, file, { maxBytes: MAX_MODULES_BYTES, signal })
    modules.push(...(await readModules(bytes, file.path)))
  }
  return modules
}
