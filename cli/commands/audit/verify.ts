/** `muster audit verify` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  bundle: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary: 'the folder of an exported log',
  },
  root: {
    type: 'string',
    value: 'SHA256',
    summary: 'with --bundle: the expected fingerprint of the root',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'verify the whole log, or an exported log offline',
  flags,
  examples: [
    {
      command: 'muster audit verify',
      does: 'the coordinator compares its rows, tiles and signatures',
    },
    {
      command: 'muster audit verify --bundle DIR',
      does: 'verifies an export without a network',
    },
  ],
  output: true,
  handler: () => import('./verify.handler.ts'),
})
