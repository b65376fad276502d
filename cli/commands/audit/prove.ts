/** `muster audit prove` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

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
