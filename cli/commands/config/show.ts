/** `muster config show` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the effective configuration',
  description:
    'All files are merged, with environment variables, defaults and absolute paths. Secrets are ' +
    'masked.',
  examples: [
    { command: 'muster config show', does: 'prints YAML' },
    { command: 'muster config show -o json', does: 'prints JSON' },
  ],
  output: true,
  handler: () => import('./show.handler.ts'),
})
