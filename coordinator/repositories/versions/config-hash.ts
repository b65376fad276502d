/**
 * What of a repository's configuration decides the contents of its versions, as one hash. When it
 * changes, "unchanged" means nothing.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../shared/canonical-json.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import type { RepositoryFormat } from '../formats/format.ts'

/** SHA-256 in hex. Credentials, schedule and paths are no part of it. */
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
