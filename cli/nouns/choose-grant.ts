/** The grant that a person means, by its id, or by a unique beginning or end of it. */
import type { GrantRow } from '../../protocols/control/messages.ts'
import { defineErrors } from '../../shared/errors.ts'
import { matchesId } from '../../shared/short-id.ts'
import type { Session } from '../session/session.ts'

/** Grants that an ambiguous text names: a terminal shows them at once. */
const MAX_CANDIDATES = 10

export const grantError = defineErrors({
  'grant.unknown': {
    exit: 'notFound',
    message: (d: { id: string }) => `there is no grant ${d.id}`,
    hint: () => 'muster grant list',
  },
  'grant.ambiguous': {
    exit: 'conflict',
    message: (d: { id: string; candidates: readonly string[]; more: boolean }) =>
      [
        `more than one grant matches ${d.id}:`,
        ...d.candidates,
        ...(d.more ? ['… and others'] : []),
      ].join('\n'),
    hint: () => 'give more digits of its id, from the end or the beginning',
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
