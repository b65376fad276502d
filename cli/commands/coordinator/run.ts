/** `muster coordinator run` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'run the coordinator in the foreground',
  examples: [
    {
      command: 'muster coordinator run',
      does:
        'runs until Ctrl-C or SIGTERM; prints `ready <address>` on stderr when it accepts ' +
        'connections',
    },
  ],
  daemon: true,
  handler: () => import('./run.handler.ts'),
})
