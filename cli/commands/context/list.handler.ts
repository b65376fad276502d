/** Lists the contexts. */
import { parseTicket } from '../../../protocols/enroll/ticket.ts'
import { contextFile } from '../../session/contexts.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const { current, contexts } = await contextFile(context, context.env).read()
  const rows = Object.entries(contexts).map(([name, { ticket, identity }]) => {
    const { fleet, addresses, root } = parseTicket(ticket)
    return {
      name,
      current: name === current,
      fleet,
      root: Buffer.from(root).toString('hex'),
      addresses,
      identity: identity ?? null,
    }
  })
  await context.printList({
    rows: rows.sort((a, b) => (a.name < b.name ? -1 : 1)),
    name: (row) => row.name,
    columns: [
      { header: 'context', value: (row) => row.name },
      { header: 'current', value: (row) => (row.current ? 'yes' : undefined) },
      { header: 'fleet', value: (row) => row.fleet },
      { header: 'key', value: (row) => row.identity ?? undefined },
      { header: 'root', value: (row) => row.root, wide: true },
      { header: 'addresses', value: (row) => row.addresses.join(' '), wide: true },
    ],
  })
}
