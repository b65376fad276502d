/** Lists the packages of a host. */
import { describeManager, describeProblem, isFailure } from '../../../shared/facts/collection.ts'
import { versionsOf } from '../../../shared/packages/managers.ts'
import { counted } from '../../terminal/counted.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './show.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const facts = await withSession(context, (session) =>
    session.ask('facts.show', { host: context.args.host }),
  )
  const { output } = context.globals
  if (output === 'json' || output === 'yaml')
    return context.printOne({ value: facts, fields: [], name: facts.host })
  await context.printList({
    rows: facts.packages,
    name: (pkg) => pkg.name,
    columns: [
      { header: 'package', value: (pkg) => pkg.name },
      { header: 'version', value: (pkg) => versionsOf(pkg.manager).format(pkg) },
      { header: 'arch', value: (pkg) => pkg.arch },
      { header: 'manager', value: (pkg) => pkg.manager },
    ],
  })
  await context.note(
    `${counted(facts.packages.length, 'package')} on ${facts.host} ` +
      `(${facts.os['name'] ?? ''}) as of ${facts.at}`,
  )
  const { problems = [], managers = [] } = facts
  if (managers.length > 0) await context.note(managers.map(describeManager).join(', '))
  for (const problem of problems) await context.note(describeProblem(problem))
  if (problems.some(isFailure))
    await context.note('unreadable databases are shown as they were read the last time')
}
