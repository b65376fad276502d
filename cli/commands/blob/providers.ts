/** `muster blob providers` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  blob: { summary: 'the BLAKE3 id of the blob' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'list the nodes that have a blob',
  arguments: args,
  examples: [
    { command: 'muster blob providers ID', does: 'lists the nodes with the whole blob or a part' },
  ],
  output: true,
  handler: () => import('./providers.handler.ts'),
})
