/** `muster doctor` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'check this machine and this home, and print how to fix problems',
  description:
    'Works on a coordinator, on a host with an agent, and on any machine with a context. Changes ' +
    'nothing. Exits with 1 if a check failed, but not for warnings. A check that is not possible ' +
    'is `skipped`, with the reason: the checks of the log and of hosts need an operator key with ' +
    'the right to observe the fleet.',
  examples: [
    { command: 'muster doctor', does: 'one line for each check' },
    { command: 'muster doctor -o json', does: 'for monitoring' },
  ],
  output: true,
  handler: () => import('./doctor.handler.ts'),
})
