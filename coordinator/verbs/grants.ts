/**
 * Verbs on rights. A grant is a statement of its own, signed by who gives it, so that agents check
 * it without the coordinator.
 */
import { requireRight } from '../../shared/trust/authorize.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import { fromText } from '../../shared/trust/transport.ts'
import type { Access } from '../registry/access.ts'
import { operationError } from '../operations/errors.ts'
import type { RecordHandler } from '../operations/operation.ts'
import { done } from '../outcomes/result.ts'

export interface GrantVerbsDeps {
  readonly access: Access
  /** Called after a revocation, so that agents and gossip hear of it at once. */
  readonly revoked: () => void
}

export function grantVerbs(deps: GrantVerbsDeps) {
  const add: RecordHandler<'grant.add'> = {
    kind: 'record',
    async record(tx, operation, at) {
      const signed = fromText(operation.arguments.grant)
      const grant = readSigned(signed, 'grant')
      if (grant.issuer !== operation.actor)
        throw operationError('operation.malformed', {
          verb: operation.verb,
          reason: `the grant is issued by ${grant.issuer}, not by who adds it`,
        })
      // Nobody gives what they do not hold: checked here for an early, clear answer, and again
      // along the chain whenever the grant is used.
      if (grant.selector.all === true)
        requireRight(await deps.access.state(tx), {
          actor: operation.actor,
          namespace: grant.namespace,
          level: grant.level,
          at,
        })
      await deps.access.insertGrant(tx, signed, at)
      return [done('', { grant: grant.id, subject: grant.subject })]
    },
  }
  const revoke: RecordHandler<'grant.revoke'> = {
    kind: 'record',
    async record(tx, operation, at) {
      const signed = fromText(operation.arguments.revocation)
      const revocation = readSigned(signed, 'revocation')
      if (revocation.kind === 'agent')
        throw operationError('operation.malformed', {
          verb: operation.verb,
          reason: 'it revokes a host: muster agent revoke does that',
        })
      if (revocation.issuer !== operation.actor)
        throw operationError('operation.malformed', {
          verb: operation.verb,
          reason: `the revocation is issued by ${revocation.issuer}, not by who adds it`,
        })
      await deps.access.insertRevocation(tx, signed, at)
      return [done('', { revoked: revocation.target, epoch: revocation.epoch })]
    },
    announce: () => deps.revoked(),
  }
  return { 'grant.add': add, 'grant.revoke': revoke }
}
