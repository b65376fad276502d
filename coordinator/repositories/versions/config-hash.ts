/**
 * What of a repository's configuration decides the contents of its versions, as one hash: when it
 * changes, "unchanged" means nothing.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../shared/canonical-json.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'

/** SHA-256 in hex. Credentials, schedule and paths are no part of it. */
export function configHash(config: RepositoryConfig): string {
  const { upstream, retention, rpm, type } = config
  const {
    architectures = null,
    gpgcheck,
    repo_gpgcheck,
    gpgkey_file = null,
    gpgkey_url = null,
    trusted_fingerprints = null,
  } = rpm
  const contents = {
    type,
    upstream: upstream.url,
    retention: { ...retention },
    rpm: { architectures, gpgcheck, repo_gpgcheck, gpgkey_file, gpgkey_url, trusted_fingerprints },
  }
  return createHash('sha256').update(canonicalJson(contents)).digest('hex')
}
