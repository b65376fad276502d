/**
 * Judgements about a new version before it is accepted: is it a step back, has it lost nearly
 * everything, can we do what is asked. Pure.
 */
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { unsupportedOf } from '../../../shared/config/unsupported.ts'
import { mirrorError } from '../model/errors.ts'

/** A repository this small may well change wholly. */
const SHRINK_FROM = 10
/**
 * RS-31: losing more than four fifths at once is an accident or an attack more often than a
 * decision.
 */
const SHRINK_TO = 0.2

/** RS-14. @throws `mirror.rollback` where both revisions are numbers and the new one is smaller */
export function refuseRollback(
  repository: string,
  last: string | null | undefined,
  now: string,
): void {
  // Larger numbers lose digits. A revision of 2^63 would lock the repository for ever (RS-17), so
  // it isn't compared.
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
 * Refuses to sync what this version would not do as it is asked to. @throws `mirror.unsupported`
 */
export function refuseUnsupported(config: RepositoryConfig): void {
  const found = unsupportedOf(config).map(({ path, text }) => `${path.join('.')}: ${text}`)
  if (found.length > 0)
    throw mirrorError('mirror.unsupported', { repository: config.name, what: found.join('; ') })
}
