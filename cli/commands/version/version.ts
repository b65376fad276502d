/** `muster version` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the version',
  examples: [
    { command: 'muster version', does: 'the version, and nothing else' },
    { command: 'muster version -o json', does: 'with the versions of what it runs on' },
  ],
  output: true,
  handler: () => import('./version.handler.ts'),
})
