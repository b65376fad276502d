/** `muster audit log` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  actor: { type: 'string', value: 'FINGERPRINT', summary: 'only what this key signed' },
  follow: {
    type: 'boolean',
    summary: 'go on with those that come, until Ctrl-C; JSON is one object a line then',
  },
  count: {
    type: 'integer',
    value: 'N',
    summary: 'how many entries',
    default: 100,
    min: 1,
    max: 1_000_000,
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'the newest entries of the log',
  flags,
  examples: [
    { command: 'muster audit log', does: 'the last 100' },
    {
      command: 'muster audit log --count 10 --follow',
      does: 'the last ten, and then as they come',
    },
    { command: 'muster audit log --actor SHA256:… -o json', does: 'one actor, for machines' },
  ],
  output: true,
  handler: () => import('./log.handler.ts'),
})
