/** `muster audit export` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  to: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary: 'a new folder',
    required: true,
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'write the whole log into files that can be verified offline',
  flags,
  examples: [
    {
      command: 'muster audit export --to log-2026-11',
      does: 'writes the log; next: muster audit verify --bundle log-2026-11',
    },
  ],
  handler: () => import('./export.handler.ts'),
})
