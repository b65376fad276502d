/** `muster config validate` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'check every configuration file',
  description:
    'Reads the configuration as the daemons do and lists every problem with file, line and key, also what this version does not do. Changes nothing. Exit code 2 if there is one.',
  examples: [
    { command: 'muster config validate', does: 'the configuration of the home' },
    {
      command: 'muster config validate --config ./new.yaml',
      does: 'a file before it is put into place',
    },
  ],
  output: true,
  handler: () => import('./validate.handler.ts'),
})
