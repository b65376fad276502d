/** `muster agent list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'list the hosts of the fleet',
  examples: [
    { command: 'muster agent list', does: 'prints names, states and labels' },
    { command: 'muster agent list -o json', does: 'prints all fields' },
  ],
  output: true,
  handler: () => import('./list.handler.ts'),
})
