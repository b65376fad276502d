/** `muster audit prove` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  index: { summary: 'the index of the entry' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'prove that an entry is in the log',
  arguments: args,
  examples: [
    {
      command: 'muster audit prove 42 -o json',
      does: 'prints entry, proof and checkpoint; anyone can verify them',
    },
  ],
  output: true,
  handler: () => import('./prove.handler.ts'),
})
