/** `muster config show` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the configuration that is in force',
  description:
    'All files merged, the environment put in, defaults filled in, paths absolute, secrets masked.',
  examples: [
    { command: 'muster config show', does: 'as YAML' },
    { command: 'muster config show -o json', does: 'as JSON' },
  ],
  output: true,
  handler: () => import('./show.handler.ts'),
})
