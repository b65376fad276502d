/** Removes a context. */
import { contextFile, requireContext } from '../../session/contexts.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './remove.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const { name } = context.args
  const file = contextFile(context, context.env)
  const stored = await file.read()
  requireContext(stored, name)
  const contexts = Object.fromEntries(
    Object.entries(stored.contexts).filter(([other]) => other !== name),
  )
  const current = stored.current === name ? null : stored.current
  await file.write({ current, contexts })
  await context.note(
    current === stored.current
      ? `context ${name} is removed`
      : `context ${name} is removed; it was the current context`,
  )
}
