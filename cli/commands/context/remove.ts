/** `muster context remove` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  name: { summary: 'the context' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'remove a context',
  arguments: args,
  examples: [
    {
      command: 'muster context remove lab',
      does: 'does not change the coordinator',
    },
  ],
  handler: () => import('./remove.handler.ts'),
})
