/** Lists the grants. */
import { shortId } from '../../../shared/short-id.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const wide = context.globals.output === 'wide'
  const { grants } = await withSession(context, (session) => session.ask('grant.list', {}))
  await context.printList({
    rows: grants,
    name: (grant) => grant.id,
    columns: [
      { header: 'id', value: (grant) => (wide ? grant.id : shortId(grant.id)) },
      { header: 'to', value: (grant) => grant.subject },
      { header: 'namespace', value: (grant) => grant.namespace },
      { header: 'level', value: (grant) => grant.level },
      { header: 'on', value: (grant) => grant.selector },
      { header: 'until', value: (grant) => (grant.revoked ? 'revoked' : grant.notAfter) },
      { header: 'by', value: (grant) => grant.issuer, wide: true },
    ],
  })
}
