/** `muster ticket` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the ticket: the addresses of the coordinator and the root to pin',
  description:
    'A ticket contains no secret. A node or command that uses it rejects any fleet with another ' +
    'root.',
  examples: [
    {
      command: 'muster ticket',
      does: 'prints the ticket for `muster agent join` and --coordinator',
    },
  ],
  output: true,
  handler: () => import('./ticket.handler.ts'),
})
