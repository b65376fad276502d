/** Compares two snapshots. */
import { chooseSnapshot } from '../../nouns/choose-snapshot.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './diff.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { from, to, repoId } = context.flags
  const difference = await withSession(context, async (session) => {
    const { repository } = await chooseSnapshot(session, { name: from, repoId })
    return session.ask('snapshot.diff', { repository, from, to })
  })
  const { output } = context.globals
  if (output === 'json' || output === 'yaml')
    return context.printOne({ value: difference, fields: [], name: to })
  const rows = [
    ...difference.updated.map((pkg) => ({
      change: 'updated',
      name: `${pkg.name}.${pkg.arch}`,
      from: pkg.from,
      to: pkg.to,
    })),
    ...difference.added.map((nevra) => ({
      change: 'added',
      name: nevra,
      from: undefined,
      to: undefined,
    })),
    ...difference.removed.map((nevra) => ({
      change: 'removed',
      name: nevra,
      from: undefined,
      to: undefined,
    })),
  ]
  await context.printList({
    rows,
    name: (row) => row.name,
    columns: [
      { header: 'change', value: (row) => row.change },
      { header: 'package', value: (row) => row.name },
      { header: 'from', value: (row) => row.from },
      { header: 'to', value: (row) => row.to },
    ],
  })
  if (difference.advisories.length > 0)
    await context.note(`advisories: ${difference.advisories.join(', ')}`)
}
