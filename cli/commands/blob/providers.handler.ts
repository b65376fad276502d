/** Lists the nodes that have a blob. */
import { MAX_PROVIDERS } from '../../../protocols/providers/messages.ts'
import { blobProviders } from '../../nouns/blob.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Args } from './providers.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  const providers = await blobProviders(context, context.args.blob)
  await context.printList({
    rows: providers,
    name: (provider) => provider.peerId,
    columns: [
      { header: 'node', value: (provider) => provider.name },
      { header: 'holds', value: (provider) => (provider.whole ? 'all' : 'part') },
      { header: 'peer id', value: (provider) => provider.peerId },
    ],
  })
  if (providers.length >= MAX_PROVIDERS)
    await context.note(`only ${providers.length} nodes are listed; others may have it too`)
}
