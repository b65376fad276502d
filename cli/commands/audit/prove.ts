/** `muster audit prove` */
import { type ArgumentSpecs, type ArgumentValues, defineCommand } from '../../program/command.ts'

const args = {
  index: { summary: 'the entry' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'prove that an entry stands in the log',
  arguments: args,
  examples: [
    {
      command: 'muster audit prove 42 -o json',
      does: 'entry, proof and checkpoint, checkable by anyone',
    },
  ],
  output: true,
  handler: () => import('./prove.handler.ts'),
})
