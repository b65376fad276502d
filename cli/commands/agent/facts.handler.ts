/** Collects the package state once, sends it, and exits. */
import { collectError } from '../../../agent/facts/errors.ts'
import { type FactsSent, sendFactsOnce } from '../../../agent/facts/once.ts'
import type { Confirmed } from '../../../agent/facts/plausible.ts'
import { agentHomeError } from '../../../agent/home/identity.ts'
import { acceptableOf, describeProblem, isFailure } from '../../../shared/facts/collection.ts'
import { cliError } from '../../terminal/errors.ts'
import '../../program/error-tables.ts'
import { counted } from '../../terminal/counted.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './facts.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  if (!context.flags.once)
    throw cliError('cli.usage', {
      reason: '--once is required',
      hint: 'run `muster agent facts --once`',
    })
  const deps = { clock: context.clock, random: context.random, log: await context.log() }
  const { accept } = context.flags
  const sent = await sendFactsOnce(deps, { home: context.home(), accept, signal: context.signal })
  for (const confirmed of sent.confirmed ?? []) await context.note(confirmedWords(confirmed))
  await context.note(`${counted(sent.packages, 'package')}${resultWords(sent)}`)
  if (accept.length > 0 && sent.confirmed === undefined)
    throw agentHomeError('agent.older', { folder: context.home() })
  const { problems = [] } = sent
  const failed = problems.filter(isFailure)
  for (const problem of problems)
    if (!failed.includes(problem)) await context.note(describeProblem(problem))
  if (failed.length > 0)
    throw collectError('facts.incomplete', {
      problems: failed.map(describeProblem),
      doubted: acceptableOf(failed),
    })
}

function confirmedWords({ manager, gone }: Confirmed): string {
  if (gone === 0) return `confirmed: ${manager} lists no packages`
  return `confirmed: ${counted(gone, 'package')} of ${manager} ${gone === 1 ? 'is' : 'are'} gone`
}

/** A change counts as sent even if gossip delivered it to the coordinator first. */
function resultWords({ changed, result }: FactsSent): string {
  return changed === true || result === 'applied' ? ' sent' : ', unchanged'
}
