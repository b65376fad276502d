/** `muster context list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'list the contexts of this user',
  examples: [{ command: 'muster context list', does: 'marks the current context' }],
  output: true,
  handler: () => import('./list.handler.ts'),
})
