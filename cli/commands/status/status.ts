/** `muster status` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'show the state of the fleet on one screen',
  description:
    'Exits with 9 if the log is frozen, and with 1 if the log cannot be signed or the disk of ' +
    'the coordinator is full. Every change is refused then. Offline hosts do not change the exit ' +
    'code; use `muster doctor` to check them too.',
  examples: [
    { command: 'muster status', does: 'prints text' },
    { command: 'muster status -o json', does: 'prints JSON for scripts' },
  ],
  output: true,
  handler: () => import('./status.handler.ts'),
})
