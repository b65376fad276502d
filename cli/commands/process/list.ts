/** `muster process list` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag } from '../../runs/run-flags.ts'

const flags = {
  on: { type: 'list', value: 'HOSTS', summary: 'only these hosts' },
  ...localFlag,
  all: { type: 'boolean', summary: 'also runs that have ended' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'list the runs on the hosts',
  description:
    'Shows the last digits of each run id. Every command accepts them. -o wide, json and name ' +
    'show the whole id.',
  flags,
  examples: [
    { command: 'muster process list', does: 'lists the runs that have not ended' },
    { command: 'muster process list --all --on web-17', does: 'lists all runs of one host' },
  ],
  output: true,
  handler: () => import('./list.handler.ts'),
})
