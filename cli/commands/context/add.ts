/** `muster context add` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  name: { summary: 'what you call it' },
  ticket: {
    accepts: 'text',
    summary: 'what muster ticket printed; - reads it from standard input',
  },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'give a coordinator a name',
  description:
    'With --identity the key is kept too, for whoever names no other. The first context becomes the current one. Nothing is connected to.',
  arguments: args,
  examples: [
    {
      command: 'muster context add prod muster-ticket1-…',
      does: 'then every command goes to prod, unless told otherwise',
    },
    {
      command: 'muster context add lab - --identity ~/.ssh/lab',
      does: 'reads the ticket from standard input; this key signs there',
    },
  ],
  handler: () => import('./add.handler.ts'),
})
