/** `muster repo list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'list the repositories',
  examples: [{ command: 'muster repo list', does: 'prints sizes and last syncs' }],
  output: true,
  handler: () => import('./list.handler.ts'),
})
