/** `muster enroll list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'list the hosts that wait for approval',
  examples: [{ command: 'muster enroll list', does: 'prints the fingerprints to compare' }],
  output: true,
  handler: () => import('./list.handler.ts'),
})
