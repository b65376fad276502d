/** `muster status` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'one screen: is everything fine?',
  description:
    'Exit code 9 while the log is frozen, 1 while it cannot be signed or the disk of the coordinator is full: every change is refused then. Hosts that are not connected do not count; `muster doctor` fails for those too.',
  examples: [
    { command: 'muster status', does: 'people' },
    { command: 'muster status -o json', does: 'machines' },
  ],
  output: true,
  handler: () => import('./status.handler.ts'),
})
