/**
 * Checks before a new version is accepted. They reject an older index, the loss of most packages,
 * and settings that this version of Muster doesn't support. Pure.
 */
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { unsupportedOf } from '../../../shared/config/unsupported.ts'
import { mirrorError } from '../model/errors.ts'

/** The check ignores repositories with fewer packages, because all of them may change at once. */
const SHRINK_FROM = 10
/**
 * RS-31: the loss of more than four fifths at once is usually an accident or an attack, not a
 * decision.
 */
const SHRINK_TO = 0.2

/** RS-14. @throws `mirror.rollback` if both revisions are numbers and the new one is smaller */
export function refuseRollback(
  repository: string,
  last: string | null | undefined,
  now: string,
): void {
  // Larger numbers lose digits. A stored revision of 2^63 would reject every later version (RS-17),
  // so such a revision isn't compared.
  const isNumber = /^\d{1,15}$/
  if (last === null || last === undefined || !isNumber.test(last) || !isNumber.test(now)) return
  if (Number(now) < Number(last)) throw mirrorError('mirror.rollback', { repository, last, now })
}

/** RS-31. @throws `mirror.shrunk` */
export function refuseShrink(repository: string, before: number, now: number): void {
  if (before >= SHRINK_FROM && now < before * SHRINK_TO)
    throw mirrorError('mirror.shrunk', { repository, before, now })
}

/**
 * Rejects settings that this version of Muster doesn't support. @throws `mirror.unsupported`
 */
export function refuseUnsupported(config: RepositoryConfig): void {
  const found = unsupportedOf(config).map(({ path, text }) => `${path.join('.')}: ${text}`)
  if (found.length > 0)
    throw mirrorError('mirror.unsupported', { repository: config.name, what: found.join('; ') })
}
