/**
 * A hash of the options that affect the contents of a repository's versions. When it changes, the
 * next sync reads the upstream's index again.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../shared/canonical-json.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { RepositoryFormat } from '../formats/format.ts'

/** Returns SHA-256 in hex. Credentials, schedule and paths are not included. */
export function configHash(
  format: Pick<RepositoryFormat, 'type' | 'contents'>,
  config: RepositoryConfig,
): string {
  const { upstream, retention } = config
  const contents = {
    type: format.type,
    upstream: upstream.url,
    retention: { ...retention },
    [format.type]: format.contents(config),
  }
  return createHash('sha256').update(canonicalJson(contents)).digest('hex')
}
