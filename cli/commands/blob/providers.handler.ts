/** Who holds a blob. */
import { blobProviders } from '../../blob.ts'
import type { CommandContext } from '../../context.ts'
import type { Args } from './providers.ts'

export async function handle(
  context: CommandContext<Readonly<Record<never, never>>, Args>,
): Promise<void> {
  await context.printList({
    rows: await blobProviders(context, context.args.blob),
    name: (provider) => provider.peerId,
    columns: [
      { header: 'node', value: (provider) => provider.name },
      { header: 'holds', value: (provider) => (provider.whole ? 'all' : 'part') },
      { header: 'peer id', value: (provider) => provider.peerId },
    ],
  })
}
