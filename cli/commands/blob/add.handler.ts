/** Adds a file to the pool and prints its BLAKE3 id. */
import { addBlob } from '../../nouns/blob.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './add.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const blob = await addBlob(context, context.args.file)
  await context.printOne({ value: { blob }, fields: [], line: blob, name: blob })
}
