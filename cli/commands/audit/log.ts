/** `muster audit log` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  actor: { type: 'string', value: 'FINGERPRINT', summary: 'only the entries of this key' },
  follow: {
    type: 'boolean',
    summary: 'print new entries until Ctrl-C; with -o json one object on each line',
  },
  count: {
    type: 'integer',
    value: 'N',
    summary: 'number of entries',
    default: 100,
    min: 1,
    max: 1_000_000,
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'list the newest entries of the log',
  flags,
  examples: [
    { command: 'muster audit log', does: 'prints the last 100 entries' },
    {
      command: 'muster audit log --count 10 --follow',
      does: 'prints the last ten entries, then new entries',
    },
    {
      command: 'muster audit log --actor SHA256:… -o json',
      does: 'prints the entries of one actor as JSON',
    },
  ],
  output: true,
  handler: () => import('./log.handler.ts'),
})
