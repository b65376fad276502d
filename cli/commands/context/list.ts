/** `muster context list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'the coordinators that have a name',
  examples: [{ command: 'muster context list', does: 'the current one is marked' }],
  output: true,
  handler: () => import('./list.handler.ts'),
})
