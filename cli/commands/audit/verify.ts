/** `muster audit verify` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  bundle: { accepts: 'path', type: 'string', value: 'DIR', summary: 'an exported log' },
  root: { type: 'string', value: 'SHA256', summary: 'with --bundle: the root fingerprint to pin' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'check the whole log, or an exported one without any network',
  flags,
  examples: [
    {
      command: 'muster audit verify',
      does: 'the coordinator checks its rows, tiles and signatures against each other',
    },
    {
      command: 'muster audit verify --bundle DIR',
      does: 'an export, offline; nothing else is needed',
    },
  ],
  output: true,
  handler: () => import('./verify.handler.ts'),
})
