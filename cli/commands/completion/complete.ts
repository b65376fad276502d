/** `muster __complete`: what the completion scripts ask. */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'complete a command line',
  arguments: {
    words: {
      accepts: 'text',
      summary: 'the words behind muster, the last of them unfinished',
      variadic: true,
      optional: true,
    },
  },
  examples: [{ command: 'muster __complete -- repo sy', does: 'prints sync' }],
  passThrough: true,
  hidden: true,
  handler: () => import('./complete.handler.ts'),
})
