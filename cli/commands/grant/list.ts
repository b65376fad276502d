/** `muster grant list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'who may do what',
  examples: [{ command: 'muster grant list', does: 'grants in force and revoked' }],
  output: true,
  handler: () => import('./list.handler.ts'),
})
