/**
 * Describes the version that `latest` of a repository serves, for `repo list`, `repo show` and
 * `status`.
 */
import type { ServedRow } from '../../../protocols/control/messages.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { Served } from '../../repositories/publish/served.ts'

export function servedRow(served: Served | null): ServedRow | null {
  if (served === null) return null
  return { ...served, since: served.since === null ? null : rfc3339(served.since) }
}
