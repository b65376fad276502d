/** `muster doctor` */
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'check this machine and this home, and say how to mend what is wrong',
  description: 'Changes nothing. Exit code 1 if a check failed; warnings do not count.',
  examples: [
    { command: 'muster doctor', does: 'one line for each check' },
    { command: 'muster doctor -o json', does: 'for monitoring' },
  ],
  output: true,
  handler: () => import('./doctor.handler.ts'),
})
