/** Stores a coordinator under a name. */
import { defined } from '../../../shared/defined.ts'
import { resolve } from 'node:path'
import { formatTicket, parseTicket } from '../../../protocols/enroll/ticket.ts'
import { contextError, contextFile, requireContextName } from '../../session/contexts.ts'
import type { CommandContext } from '../../program/handler.ts'
import { readLine } from '../../terminal/read-line.ts'
import type { Args } from './add.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const name = requireContextName(context.args.name)
  const { identity } = context.globals
  const text = context.args.ticket === '-' ? await readLine(context, 'ticket') : context.args.ticket
  // The secret of a token admits one host, so a context doesn't store it.
  const { secret: _, ...ticket } = parseTicket(text)
  const file = contextFile(context, context.env)
  const { current, contexts } = await file.read()
  if (Object.hasOwn(contexts, name)) throw contextError('context.exists', { name })
  const added = {
    ticket: formatTicket(ticket),
    ...defined({ identity: identity === undefined ? undefined : resolve(identity) }),
  }
  await file.write({ current: current ?? name, contexts: { ...contexts, [name]: added } })
  await context.note(
    current === null
      ? `${name} is the current context`
      : `to use it: muster context use ${name}, or --context ${name}`,
  )
}
