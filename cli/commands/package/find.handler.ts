/** Which hosts have a package. */
import { withSession } from '../../connect.ts'
import type { CommandContext } from '../../context.ts'
import type { Args, Flags } from './find.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { version, on } = context.flags
  const request = {
    name: context.args.name,
    ...(version === undefined ? {} : { version }),
    ...(on.length === 0 ? {} : { on: [...on] }),
  }
  const { found } = await withSession(context, (session) => session.ask('package.find', request))
  await context.printList({
    rows: found,
    name: (row) => row.host,
    columns: [
      { header: 'host', value: (row) => row.host },
      { header: 'installed', value: (row) => row.version },
      { header: 'arch', value: (row) => row.arch ?? undefined },
      { header: 'seen', value: (row) => `${row.seenAt}${row.stale ? ' (offline)' : ''}` },
      { header: 'manager', value: (row) => row.manager, wide: true },
    ],
  })
}
