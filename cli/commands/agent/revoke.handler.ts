/** Removes a host from the fleet permanently. */
import type { RunRow } from '../../../protocols/control/messages.ts'
import { registryError } from '../../../coordinator/registry/errors.ts'
import { trustError } from '../../../shared/trust/errors.ts'
import { chooseAgent } from '../../nouns/choose-agent.ts'
import { withSession } from '../../session/connect.ts'
import { requireDone } from '../../session/results.ts'
import { signRevocation } from '../../nouns/revocation.ts'
import type { Session } from '../../session/session.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './revoke.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  await withSession(context, async (session) => {
    const agent = await chooseAgent(session, context.args.host)
    const running = context.flags.yes ? 0 : (await runningOn(session, agent.id)).length
    const lost =
      running === 0 ? '' : `; afterwards ${runs(running)} there can't be stopped from here`
    await context.confirm(`revokes ${agent.name} permanently${lost}`, context.flags.yes)
    const revocation = await signRevocation(session, { kind: 'agent', target: agent.id })
    const { results } = requireDone(
      await session.operate({
        verb: 'agent.revoke',
        targets: [agent.id],
        arguments: { revocation },
      }),
    )
    await context.note(`${agent.name} is revoked`)
    const { lost: count, runs: named } = results[0]?.detail ?? {}
    if (typeof count !== 'number' || !Array.isArray(named)) return
    await context.note(
      `${runs(count)} may continue on the host; stop them there with ` +
        'muster process stop RUN --local:',
    )
    for (const run of named) await context.note(`  ${run}`)
    if (count > named.length) await context.note(`  and ${count - named.length} more`)
  })
}

/** Runs on the host that have not ended. Empty for an operator without the right to list runs. */
async function runningOn(session: Session, host: string): Promise<readonly RunRow[]> {
  try {
    return (await session.ask('run.list', { on: [host], all: false })).runs
  } catch (error) {
    if (trustError.is(error, 'trust.denied') || registryError.is(error, 'registry.unknown-host'))
      return []
    throw error
  }
}

const runs = (count: number): string => (count === 1 ? '1 run' : `${count} runs`)
