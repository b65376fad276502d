/** Prints the proof that an entry is in the log. */
import { cliError } from '../../terminal/errors.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './prove.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  if (!/^\d{1,15}$/.test(context.args.index))
    throw cliError('cli.usage', {
      reason: `expected the index of an entry, got ${JSON.stringify(context.args.index)}`,
      hint: 'run `muster audit log` to see the indexes',
    })
  const proof = await withSession(context, (session) =>
    session.ask('audit.prove', { index: Number(context.args.index) }),
  )
  const hashes = proof.proof.map((hash) => Buffer.from(hash).toString('hex'))
  await context.printOne({
    value: {
      index: proof.index,
      size: proof.size,
      entry: Buffer.from(proof.entry).toString(),
      proof: hashes,
      checkpoint: proof.checkpoint,
    },
    name: String(proof.index),
    fields: [
      ['index', proof.index],
      ['of', proof.size],
      ['entry', Buffer.from(proof.entry).toString()],
      ['proof', hashes.join('\n')],
      ['checkpoint', proof.checkpoint.trimEnd()],
    ],
  })
}
