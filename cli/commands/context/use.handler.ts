/** Selects the current context. */
import { contextFile, requireContext } from '../../session/contexts.ts'
import type { CommandContext } from '../../program/handler.ts'
import { cliError } from '../../terminal/errors.ts'
import type { Args, Flags } from './use.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { name } = context.args
  if ((name === undefined) !== context.flags.none)
    throw cliError('cli.usage', {
      reason: 'expected either a name or --none',
      hint: 'run `muster context list` to see the names',
    })
  const file = contextFile(context, context.env)
  const contexts = await file.read()
  if (name !== undefined) requireContext(contexts, name)
  await file.write({ ...contexts, current: name ?? null })
  await context.note(
    name === undefined
      ? 'no current context: commands use the coordinator of the home'
      : `${name} is the current context`,
  )
}
