/** `muster grant list` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'list the grants',
  examples: [{ command: 'muster grant list', does: 'lists valid and revoked grants' }],
  output: true,
  handler: () => import('./list.handler.ts'),
})
