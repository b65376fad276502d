/**
 * Handles the verbs on rights. A grant is a signed statement, so agents verify it without the
 * coordinator.
 */
import { requireRight } from '../../shared/trust/authorize.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { fromText } from '../../shared/trust/transport.ts'
import type { Access } from '../registry/access.ts'
import { operationError } from '../operations/errors.ts'
import type { Operation, RecordHandler } from '../operations/operation.ts'
import { done } from '../outcomes/result.ts'

export interface GrantVerbsDeps {
  readonly access: Access
  /** Called after a revocation. It sends the revocation to the agents at once. */
  readonly revoked: () => void
}

export function grantVerbs(deps: GrantVerbsDeps) {
  return { 'grant.add': addVerb(deps), 'grant.revoke': revokeVerb(deps) }
}

function addVerb({ access }: GrantVerbsDeps): RecordHandler<'grant.add'> {
  return {
    kind: 'record',
    async record(tx, operation, at) {
      const signed = fromText(operation.arguments.grant)
      const grant = readSigned(signed, 'grant')
      const { actor } = operation
      if (grant.issuer !== actor)
        throw malformed(operation, `the grant is issued by ${grant.issuer}, expected ${actor}`)
      // An operator can't give a right that the operator doesn't have. This check returns a clear
      // error early. Each use of the grant checks the chain again.
      const { namespace, level } = grant
      if (grant.selector.all === true)
        requireRight(await access.state(tx), { actor, namespace, level, at })
      await access.insertGrant(tx, signed, at)
      return [done('', { grant: grant.id, subject: grant.subject })]
    },
  }
}

function revokeVerb({ access, revoked }: GrantVerbsDeps): RecordHandler<'grant.revoke'> {
  return {
    kind: 'record',
    async record(tx, operation, at) {
      const signed = fromText(operation.arguments.revocation)
      const { kind, issuer, target, epoch } = readSigned(signed, 'revocation')
      if (kind === 'agent')
        throw malformed(operation, 'it revokes a host; use `muster agent revoke`')
      if (issuer !== operation.actor)
        throw malformed(
          operation,
          `the revocation is issued by ${issuer}, expected ${operation.actor}`,
        )
      await access.insertRevocation(tx, signed, at)
      return [done('', { revoked: target, epoch })]
    },
    announce: () => revoked(),
  }
}

const malformed = ({ verb }: Operation, reason: string): Error =>
  operationError('operation.malformed', { verb, reason })
