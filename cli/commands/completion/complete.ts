/** `muster __complete`, which the completion scripts call. */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'complete a command line',
  arguments: {
    words: {
      accepts: 'text',
      summary: 'the words after muster; the last one may be incomplete',
      variadic: true,
      optional: true,
    },
  },
  examples: [{ command: 'muster __complete -- repo sy', does: 'prints sync' }],
  passThrough: true,
  hidden: true,
  handler: () => import('./complete.handler.ts'),
})
