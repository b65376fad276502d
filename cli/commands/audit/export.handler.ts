/** Writes the whole log into files that can be verified offline. */
import { withSession } from '../../session/connect.ts'
import { receiveBundle } from '../../nouns/receive-bundle.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './export.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const files = await withSession(context, (session) =>
    receiveBundle(context, session, context.flags.to),
  )
  await context.note(
    `${files} files in ${context.flags.to}; verify them on any machine: ` +
      `muster audit verify --bundle ${context.flags.to}`,
  )
}
