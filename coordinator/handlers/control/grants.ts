/** Returns the grants. */
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { isGrantRevoked } from '../../../shared/trust/authorize.ts'
import type { Selector } from '../../../shared/trust/grant.ts'
import type { Access } from '../../registry/access.ts'

export function grantHandlers(deps: {
  access: Access
}): Pick<Handlers<typeof control>, 'grant.list'> {
  return {
    'grant.list': async () => {
      const { grants, revocations, epoch } = await deps.access.state()
      return {
        epoch,
        grants: grants.map(({ grant }) => ({
          id: grant.id,
          subject: grant.subject,
          issuer: grant.issuer,
          namespace: grant.namespace,
          level: grant.level,
          selector: selectorText(grant.selector),
          notAfter: grant.notAfter,
          revoked: isGrantRevoked(revocations, grant),
        })),
      }
    },
  }
}

/** Formats the selector like the value of `--on`. */
function selectorText(selector: Selector): string {
  if (selector.all === true) return 'all'
  const labels = Object.entries(selector.labels ?? {}).map(([key, value]) => `${key}=${value}`)
  return [...(labels.length > 0 ? [labels.join(',')] : []), ...(selector.agents ?? [])].join(' ')
}
