/** Collect the package state once, send it, and exit. */
import { collectError } from '../../../agent/facts/errors.ts'
import { sendFactsOnce } from '../../../agent/facts/once.ts'
import { agentHomeError } from '../../../agent/home/identity.ts'
import { describeProblem, isFailure } from '../../../shared/facts/collection.ts'
import { cliError } from '../../errors.ts'
import '../../program/error-tables.ts'
import type { CommandContext } from '../../context.ts'
import type { Flags } from './facts.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  if (!context.flags.once)
    throw cliError('cli.usage', { reason: '--once is needed', hint: 'muster agent facts --once' })
  const deps = { clock: context.clock, random: context.random, log: await context.log() }
  const { result, packages, problems } = await sendFactsOnce(deps, {
    home: context.home(),
    accept: context.flags.accept,
    signal: context.signal,
  })
  await context.note(
    result === 'known' ? `${packages} packages, unchanged` : `${packages} packages sent`,
  )
  if (context.flags.accept && problems === undefined)
    throw agentHomeError('agent.older', { folder: context.home() })
  const failed = (problems ?? []).filter(isFailure)
  for (const problem of problems ?? [])
    if (!failed.includes(problem)) await context.note(describeProblem(problem))
  if (failed.length > 0)
    throw collectError('facts.incomplete', { problems: failed.map(describeProblem) })
}
