/** `muster agent facts` */
import { defineCommand, type FlagSpecs, type FlagValues } from '../../command.ts'

const flags = {
  once: { type: 'boolean', summary: 'the only mode; the daemon collects by itself' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'collect the package state once, send it, and exit',
  flags,
  examples: [
    {
      command: 'muster agent facts --once',
      does: 'for cron; where an agent runs on this home, it does the work',
    },
  ],
  handler: () => import('./facts.handler.ts'),
})
