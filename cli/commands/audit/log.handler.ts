/** The newest entries of the log. */
import { withSession } from '../../connect.ts'
import type { Session } from '../../session.ts'
import type { LogRow } from '../../../protocols/control/messages.ts'
import type { CommandContext } from '../../context.ts'
import type { Flags } from './log.ts'

/** Entries of one call; the protocol allows no more. */
const PAGE = 1000

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { actor, count } = context.flags
  const rows = await withSession(context, (session) => newest(session, count, actor))
  await context.printList({
    rows,
    name: (row) => String(row.index),
    json: (row) => ({ ...row, arguments: JSON.parse(row.arguments) as unknown }),
    columns: [
      { header: 'index', value: (row) => row.index, align: 'right' },
      { header: 'at', value: (row) => row.at },
      { header: 'type', value: (row) => row.type },
      { header: 'who', value: (row) => row.actor.name },
      { header: 'what', value: (row) => row.verb ?? undefined },
      { header: 'targets', value: (row) => row.targets.join(' ') },
      { header: 'result', value: (row) => row.result ?? undefined },
      { header: 'arguments', value: (row) => row.arguments, wide: true },
      { header: 'operation', value: (row) => row.operation ?? undefined, wide: true },
    ],
  })
}

async function newest(session: Session, count: number, actor: string | undefined): Promise<LogRow[]> {
  const { size } = await session.ask('audit.log', { from: 0, count: 1 })
  const rows: LogRow[] = []
  for (let to = size; to > 0 && rows.length < count; to -= PAGE) {
    const from = Math.max(0, to - PAGE)
    const { entries } = await session.ask('audit.log', { from, count: to - from, ...(actor === undefined ? {} : { actor }) })
    rows.unshift(...entries)
  }
  return rows.slice(-count)
}
