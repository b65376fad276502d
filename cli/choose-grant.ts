/** The grant that a person means, by id or a unique prefix of it. */
import type { GrantRow } from '../protocols/control/messages.ts'
import { defineErrors } from '../shared/errors.ts'
import type { Session } from './session.ts'

export const grantError = defineErrors({
  'grant.unknown': {
    exit: 'notFound',
    message: (d: { id: string }) => `there is no grant ${d.id}`,
    hint: () => 'muster grant list',
  },
  'grant.ambiguous': {
    exit: 'conflict',
    message: (d: { id: string }) => `more than one grant begins with ${d.id}`,
    hint: () => 'give more of its id',
  },
})

export async function chooseGrant(session: Session, text: string): Promise<GrantRow> {
  const { grants } = await session.ask('grant.list', {})
  const matching = text === '' ? [] : grants.filter((grant) => grant.id.startsWith(text))
  const [only] = matching
  if (only === undefined) throw grantError('grant.unknown', { id: text })
  if (matching.length > 1) throw grantError('grant.ambiguous', { id: text })
  return only
}
