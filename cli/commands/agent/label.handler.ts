/** Sets labels of a host. An empty value removes a label. */
import { cliError } from '../../terminal/errors.ts'
import { chooseAgent } from '../../nouns/choose-agent.ts'
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './label.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const labels = Object.fromEntries(context.args.labels.map(pair))
  await withSession(context, async (session) => {
    const agent = await chooseAgent(session, context.args.host)
    requireDone(
      await session.operate({ verb: 'agent.label', targets: [agent.id], arguments: { labels } }),
    )
    await context.note(
      `${agent.name}: ${
        Object.entries({ ...agent.labels, ...labels })
          .filter(([, value]) => value !== '')
          .map(([key, value]) => `${key}=${value}`)
          .join(' ') || 'no labels'
      }`,
    )
  })
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1)
    throw cliError('cli.usage', {
      reason: `expected a label K=V, got ${JSON.stringify(text)}`,
      hint: 'see `muster agent label --help`',
    })
  return [text.slice(0, at), text.slice(at + 1)]
}
