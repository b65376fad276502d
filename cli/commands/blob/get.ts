/** `muster blob get` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  to: {
    accepts: 'path',
    type: 'string',
    value: 'FILE',
    summary: 'a file, a device or a pipe; - means standard output',
    required: true,
  },
  range: {
    type: 'string',
    value: 'A-B',
    summary: 'only the bytes from A up to, but not including, B',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  blob: { summary: 'the BLAKE3 id of the blob' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'fetch a blob from any node, verify it, and write it to a file',
  description: [
    'Exits with 5 if no host has the blob. Exits with 7 if an approved host that may have the blob',
    'is offline; the error names the host.',
  ].join(' '),
  flags,
  arguments: args,
  examples: [
    { command: 'muster blob get ID --to build.tar', does: 'continues an interrupted transfer' },
    { command: 'muster blob get ID --to part --range 0-65536', does: 'fetches only these bytes' },
  ],
  handler: () => import('./get.handler.ts'),
})
