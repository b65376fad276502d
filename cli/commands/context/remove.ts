/** `muster context remove` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  name: { summary: 'the context' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'forget the name of a coordinator',
  arguments: args,
  examples: [
    {
      command: 'muster context remove lab',
      does: 'nothing else is changed; its ticket adds it again',
    },
  ],
  handler: () => import('./remove.handler.ts'),
})
