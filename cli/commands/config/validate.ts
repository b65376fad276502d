/** `muster config validate` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'check every configuration file',
  description:
    'Reads the configuration like the daemons and lists every problem with file, line and key, ' +
    'also settings that this version does not support. Changes nothing. Exits with 2 if there is ' +
    'a problem.',
  examples: [
    { command: 'muster config validate', does: 'checks the configuration of the home' },
    {
      command: 'muster config validate --config ./new.yaml',
      does: 'checks a file before you install it',
    },
  ],
  output: true,
  handler: () => import('./validate.handler.ts'),
})
