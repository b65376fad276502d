/** Lists the hosts that have a package. */
import { defined } from '../../../shared/defined.ts'
import { inventoryError } from '../../../coordinator/inventory/errors.ts'
import { versionCondition } from '../../../shared/facts/version-condition.ts'
import type { FindRow } from '../../../protocols/control/messages.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './find.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { version, on } = context.flags
  // Without this check, a wrong condition would give the same empty result as an absent package.
  if (version !== undefined && versionCondition(version) === undefined)
    throw inventoryError('inventory.bad-version', { version })
  const hosts = on.length === 0 ? undefined : [...on]
  const request = defined({ name: context.args.name, version, on: hosts })
  const {
    found,
    crowded = [],
    unsure = [],
    unsureCount = 0,
  } = await withSession(context, (session) => session.ask('package.find', request))
  await context.printList({
    rows: found,
    name: (row) => row.host,
    columns: [
      { header: 'host', value: (row) => row.host },
      { header: 'installed', value: (row) => row.version },
      { header: 'arch', value: (row) => row.arch ?? undefined },
      { header: 'seen', value: (row) => `${row.seenAt}${staleMark(row)}` },
      { header: 'manager', value: (row) => row.manager, wide: true },
    ],
  })
  for (const host of crowded)
    await context.note(`${host} has more versions; run \`muster facts show ${host}\` to see all`)
  for (const { problem, host } of found)
    if (problem !== undefined) await context.note(`${host}: ${problem}`)
  const others = unsure.filter(({ host }) => !found.some((row) => row.host === host))
  for (const { host, reason } of others)
    await context.note(`unknown whether ${host} has it: ${reason}`)
  if (unsureCount > unsure.length)
    await context.note(`unknown whether ${unsureCount - unsure.length} more hosts have it`)
}

function staleMark({ stale, problem }: FindRow): string {
  if (problem !== undefined) return ' (stale)'
  return stale ? ' (offline)' : ''
}
