/** Fetches a blob from any node that has it, verifies it and writes it to a file. */
import { getBlob } from '../../nouns/blob.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args, Flags } from './get.ts'

export async function handle(context: CommandContext<Flags, Args>): Promise<void> {
  await getBlob(context, { blob: context.args.blob, ...context.flags })
}
