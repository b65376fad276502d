/** Finds a grant by its id, or by a unique beginning or end of the id. */
import type { GrantRow } from '../../protocols/control/messages.ts'
import { defineErrors } from '../../shared/errors.ts'
import { matchesId } from '../../shared/short-id.ts'
import type { Session } from '../session/session.ts'

/** The number of grants that the error for an ambiguous id lists. */
const MAX_CANDIDATES = 10

export const grantError = defineErrors({
  'grant.unknown': {
    exit: 'notFound',
    message: (d: { id: string }) => `there is no grant ${d.id}`,
    hint: () => 'run `muster grant list` to see the ids',
  },
  'grant.ambiguous': {
    exit: 'conflict',
    message: (d: { id: string; candidates: readonly string[]; more: boolean }) =>
      [
        `more than one grant matches ${d.id}:`,
        ...d.candidates,
        ...(d.more ? ['… and others'] : []),
      ].join('\n'),
    hint: () => 'pass more digits of the id, from its end or its beginning',
  },
})

export async function chooseGrant(session: Session, text: string): Promise<GrantRow> {
  const { grants } = await session.ask('grant.list', {})
  const matching = text === '' ? [] : grants.filter((grant) => matchesId(grant.id, text))
  const [only] = matching
  if (only === undefined) throw grantError('grant.unknown', { id: text })
  if (matching.length > 1)
    throw grantError('grant.ambiguous', {
      id: text,
      candidates: matching.slice(0, MAX_CANDIDATES).map(lineOf),
      more: matching.length > MAX_CANDIDATES,
    })
  return only
}

const lineOf = ({ id, namespace, level, selector, subject }: GrantRow): string =>
  `${id}   ${level} on ${namespace} of ${selector}   ${subject}`
