/** `muster ticket` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the ticket: where the coordinator is, and the root to pin',
  description:
    'A ticket holds nothing secret. Whoever joins or connects with it refuses a fleet whose root is another.',
  examples: [{ command: 'muster ticket', does: 'for `muster agent join` and --coordinator' }],
  output: true,
  handler: () => import('./ticket.handler.ts'),
})
