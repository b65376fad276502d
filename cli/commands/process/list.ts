/** `muster process list` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag } from '../../runs/run-flags.ts'

const flags = {
  on: { type: 'list', value: 'HOSTS', summary: 'only these hosts' },
  ...localFlag,
  all: { type: 'boolean', summary: 'ended ones too' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'runs on the hosts',
  description:
    'Shows the last digits of each run id, which every command takes; the whole id with -o wide, json or name. All runs are listed, however many they are.',
  flags,
  examples: [
    { command: 'muster process list', does: 'those that are running' },
    { command: 'muster process list --all --on web-17', does: 'and those that ended, on one host' },
  ],
  output: true,
  handler: () => import('./list.handler.ts'),
})
