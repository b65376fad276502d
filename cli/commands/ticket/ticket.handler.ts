/** Prints the ticket: the addresses of the coordinator and the root to pin. */
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  await withSession(context, async (session) => {
    const { ticket } = await session.ask('ticket', {})
    await context.printOne({ value: { ticket }, fields: [], line: ticket, name: ticket })
  })
}
