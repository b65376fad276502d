/** Shows the state of the fleet. The exit code shows whether the coordinator refuses changes. */
import { EXIT } from '../../../shared/exit-codes.ts'
import { formatSize } from '../../../shared/units.ts'
import type { StatusResponse } from '../../../protocols/control/messages.ts'
import { counted } from '../../terminal/counted.ts'
import type { ValueResult } from '../../terminal/output.ts'
import { withSession } from '../../session/connect.ts'
import { pinnedStatus } from '../../nouns/served.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<number> {
  const status = await withSession(context, (session) => session.ask('status', {}))
  await context.printOne({ value: status, name: status.coordinator.name, fields: fieldsOf(status) })
  for (const notice of noticesOf(status)) await context.note(notice)
  const { exit, notices } = refusalOf(status)
  for (const notice of notices) await context.note(notice)
  return exit
}

function fieldsOf({
  coordinator,
  agents,
  store,
  log,
  repositories,
}: StatusResponse): ValueResult['fields'] {
  const { name, startedAt, version, addresses, http } = coordinator
  const complete = repositories.length - incomplete(repositories).length
  const pinned = pinnedStatus(repositories).count
  return [
    ['coordinator', `${name}   up since ${startedAt}   v${version}`],
    ['addresses', addresses.join('\n')],
    ['http', http ?? undefined],
    [
      'repositories',
      repositories.length === 0
        ? 'none'
        : `${complete} complete, ${repositories.length - complete} not${pinned}`,
    ],
    [
      'agents',
      `${agents.connected} connected, ${agents.offline} offline, ` +
        `${agents.pending} pending, ${agents.revoked} revoked`,
    ],
    ['store', `${store.blobs} blobs, ${formatSize(store.bytes)}`],
    ['log', logWords(log)],
    ['root', log.root, true],
  ]
}

type Repositories = StatusResponse['repositories']

function incomplete(repositories: Repositories): Repositories {
  return repositories.filter(({ result }) => result !== 'complete')
}

/** Returns the problems that don't stop the coordinator, each with a command. */
function noticesOf({ repositories, troubles = [], agents }: StatusResponse): string[] {
  return [
    ...incomplete(repositories).map(
      ({ id, result }) =>
        `${id} is ${result ?? 'not synced yet'}: muster repo sync --repo-id ${id}`,
    ),
    ...pinnedStatus(repositories).notices,
    ...troubles.map(({ name, trouble }) => `${name}: ${trouble}`),
    ...(agents.pending > 0
      ? [`${counted(agents.pending, 'host')} waiting for approval: muster enroll list`]
      : []),
    ...(agents.offline > 0
      ? [`${counted(agents.offline, 'host')} not connected: muster agent list`]
      : []),
  ]
}

/** Returns the reason why the coordinator refuses every change. Undefined if it accepts changes. */
function refusalOf({ log, coordinator }: StatusResponse): { exit: number; notices: string[] } {
  if (typeof log.frozen === 'string')
    return {
      exit: EXIT.verification,
      notices: [
        `the log is frozen, and every change is refused: ${log.frozen}`,
        'follow docs/RECOVERY.md',
      ],
    }
  if (coordinator.trouble !== undefined)
    return {
      exit: EXIT.failed,
      notices: [`the coordinator refuses every change: ${coordinator.trouble}`],
    }
  if (log.unsigned === true)
    return {
      exit: EXIT.failed,
      notices: ['the log cannot be signed, and every change is refused: muster doctor'],
    }
  return { exit: EXIT.done, notices: [] }
}

function logWords({ size, at, openIntents, frozen, unsigned }: StatusResponse['log']): string {
  const words = `${size} entries, newest ${at ?? '-'}, ${openIntents} open`
  if (typeof frozen === 'string') return `frozen: ${frozen}\n${words}`
  return unsigned === true ? `cannot be signed\n${words}` : words
}
