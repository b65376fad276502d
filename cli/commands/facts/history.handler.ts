/** Lists the packages that were installed, updated and removed on a host. */
import { defined } from '../../../shared/defined.ts'
import { counted } from '../../terminal/counted.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './history.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const name = context.flags.package
  const { events, omitted = 0 } = await withSession(context, (session) =>
    session.ask('facts.history', {
      host: context.args.host,
      ...defined({ package: name }),
    }),
  )
  await context.printList({
    rows: events,
    name: (event) => event.name,
    columns: [
      { header: 'at', value: (event) => event.at, absolute: true },
      { header: 'event', value: (event) => event.event },
      { header: 'package', value: (event) => event.name },
      { header: 'from', value: (event) => event.from ?? undefined },
      { header: 'to', value: (event) => event.to ?? undefined },
      { header: 'manager', value: (event) => event.manager, wide: true },
    ],
  })
  if (omitted > 0)
    await context.note(
      `${counted(omitted, 'older event')} not listed; ` +
        'pass --package NAME to list all events of a package',
    )
}
