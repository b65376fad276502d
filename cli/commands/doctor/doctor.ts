/** `muster doctor` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'check this machine and this home, and print how to fix problems',
  description:
    'Works on a coordinator, on a host with an agent, and on any machine with a context. Changes ' +
    'nothing. Exits with 1 if a check failed. A warning does not change the exit code. If a ' +
    'check is not possible, it is `skipped`, with the reason. The checks of the log and of hosts ' +
    'need an operator key with the right to observe the fleet.',
  examples: [
    { command: 'muster doctor', does: 'prints one line for each check' },
    { command: 'muster doctor -o json', does: 'prints JSON for monitoring' },
  ],
  output: true,
  handler: () => import('./doctor.handler.ts'),
})
