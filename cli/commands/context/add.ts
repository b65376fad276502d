/** `muster context add` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  name: { summary: 'the name of the context' },
  ticket: {
    accepts: 'text',
    summary: 'the output of muster ticket; - reads standard input',
  },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'store a coordinator under a name',
  description:
    '--identity also stores the path of the key as the default for this context. The ' +
    'first context becomes the current one. Does not connect to the coordinator.',
  arguments: args,
  examples: [
    {
      command: 'muster context add prod muster-ticket1-…',
      does: 'adds the first context; from now on, all commands use prod',
    },
    {
      command: 'muster context add lab - --identity ~/.ssh/lab',
      does: 'reads the ticket from standard input, and stores the path of the key',
    },
  ],
  handler: () => import('./add.handler.ts'),
})
