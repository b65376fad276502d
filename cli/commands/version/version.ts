/** `muster version` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the version',
  examples: [
    { command: 'muster version', does: 'prints only the version' },
    { command: 'muster version -o json', does: 'also prints the version of Node and the platform' },
  ],
  output: true,
  handler: () => import('./version.handler.ts'),
})
