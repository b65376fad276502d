/** Prints a single-use token for a new host. */
import { tokenHash } from '../../../protocols/enroll/token-hash.ts'
import { formatTicket, parseTicket } from '../../../protocols/enroll/ticket.ts'
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './token.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { label, ttl, approve } = context.flags
  const token = await withSession(context, async (session) => {
    const { ticket } = await session.ask('ticket', {})
    // The coordinator and the log contain only the hash of the secret.
    const secret = context.random.bytes(32)
    requireDone(
      await session.operate({
        verb: 'enroll.token',
        targets: [],
        arguments: { hash: tokenHash(secret), labels: { ...label }, ttlMs: ttl, approve },
      }),
    )
    return formatTicket({ ...parseTicket(ticket), secret })
  })
  await context.printOne({
    value: { token, ttlMs: ttl, approve, labels: label },
    fields: [],
    line: token,
    name: token,
  })
  await context.note('on the new host: muster agent join TOKEN, then muster agent run')
}
