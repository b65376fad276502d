/** Signs a revocation: a statement that every host can check without the coordinator. */
import type { SignedText } from '../../shared/trust/transport.ts'
import { toText } from '../../shared/trust/transport.ts'
import { signStatement } from '../../shared/trust/signed.ts'
import type { Session } from '../session/session.ts'

export async function signRevocation(
  session: Session,
  what: { kind: 'grant' | 'key' | 'agent'; target: string },
): Promise<SignedText & { scheme: 'sshsig' }> {
  const { epoch } = await session.ask('grant.list', {})
  const signed = await signStatement(session.operator, 'revocation', {
    fleet: session.fleet,
    id: session.newId(),
    ...what,
    epoch: epoch + 1,
    issuer: session.operator.fingerprint,
  })
  return { ...toText(signed), scheme: 'sshsig' }
}
