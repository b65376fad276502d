/** Collect the package state once, send it, and exit. */
import { sendFactsOnce } from '../../../agent/facts-once.ts'
import { cliError } from '../../errors.ts'
import '../../error-tables.ts'
import type { CommandContext } from '../../context.ts'
import type { Flags } from './facts.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  if (!context.flags.once)
    throw cliError('cli.usage', { reason: '--once is needed', hint: 'muster agent facts --once' })
  const deps = { clock: context.clock, random: context.random, log: await context.log() }
  const { result, packages } = await sendFactsOnce(deps, {
    home: context.home(),
    signal: context.signal,
  })
  await context.note(
    result === 'known' ? `${packages} packages, unchanged` : `${packages} packages sent`,
  )
}
