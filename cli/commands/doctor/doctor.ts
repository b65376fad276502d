/** `muster doctor` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'check this machine and this home, and say how to mend what is wrong',
  description:
    'On a coordinator, on a host with an agent, or where only a context names the coordinator. Changes nothing. Exit code 1 if a check failed; warnings do not count. What could not be checked is `skipped`, with the reason: log and hosts take an operator key that may observe the fleet.',
  examples: [
    { command: 'muster doctor', does: 'one line for each check' },
    { command: 'muster doctor -o json', does: 'for monitoring' },
  ],
  output: true,
  handler: () => import('./doctor.handler.ts'),
})
