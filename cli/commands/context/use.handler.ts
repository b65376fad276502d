/** Choose the coordinator that commands go to. */
import { contextFile, requireContext } from '../../session/contexts.ts'
import type { CommandContext } from '../../program/handler.ts'
import { cliError } from '../../terminal/errors.ts'
import type { Args, Flags } from './use.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  const { name } = context.args
  if ((name === undefined) !== context.flags.none)
    throw cliError('cli.usage', {
      reason: 'either a name or --none is needed',
      hint: 'muster context list shows the names',
    })
  const file = contextFile(context, context.env)
  const contexts = await file.read()
  if (name !== undefined) requireContext(contexts, name)
  await file.write({ ...contexts, current: name ?? null })
  await context.note(
    name === undefined
      ? 'no context: commands go to the coordinator of the home'
      : `${name} is the current context`,
  )
}
