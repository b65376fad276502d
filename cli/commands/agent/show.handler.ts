/** Prints all fields of one host. */
import type { AgentRow } from '../../../protocols/control/messages.ts'
import { describeManager, describeProblem } from '../../../shared/facts/collection.ts'
import { chooseAgent } from '../../nouns/choose-agent.ts'
import { clockStatus, clockWords } from '../../terminal/clock-words.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './show.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const agent = await withSession(context, (session) => chooseAgent(session, context.args.host))
  await context.printOne({
    value: agent,
    name: agent.name,
    fields: [
      ['name', agent.name],
      ['id', agent.id],
      ['status', agent.status],
      ['copied', agent.copies && copiedWords(agent.copies)],
      [
        'labels',
        Object.entries(agent.labels)
          .map(([key, value]) => `${key}=${value}`)
          .join('\n'),
      ],
      ['trouble', agent.trouble],
      ['packages', packagesOf(agent)],
      ['fingerprint', agent.fingerprint],
      ['peer id', agent.peerId],
      ['enrolled', agent.enrolledAt ?? undefined],
      ['last seen', agent.lastSeen ?? undefined],
      ['clock', clockField(agent)],
      ['version', agent.version ?? undefined],
      ['addresses', agent.addresses.join('\n')],
    ],
  })
}

function copiedWords(addresses: readonly string[]): string {
  return (
    `${addresses.length} machines run with a copy of its home, so it receives no intents: ` +
    addresses.join(', ')
  )
}

function clockField({ clockOffsetMs: offset }: AgentRow): string {
  if (offset === undefined)
    return 'unknown: the host has not connected since the coordinator started'
  return clockStatus(offset) === 'ok'
    ? "agrees with the coordinator's"
    : `${clockWords(offset)} of the coordinator's`
}

/** The time when the known packages were collected, and the problems with them. */
function packagesOf({ facts }: AgentRow): string | undefined {
  if (facts === undefined) return undefined
  const known = facts.at === null ? 'unknown' : `as of ${facts.at}`
  const managers = facts.managers ?? []
  return [known, ...managers.map(describeManager), ...facts.problems.map(describeProblem)].join(
    '\n',
  )
}
