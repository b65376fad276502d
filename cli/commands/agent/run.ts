/** `muster agent run` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'run the agent in the foreground',
  examples: [
    {
      command: 'muster agent run',
      does:
        'runs until Ctrl-C or SIGTERM; prints `ready` on stderr when connected; ' +
        "the host's runs continue afterwards",
    },
  ],
  daemon: true,
  handler: () => import('./run.handler.ts'),
})
