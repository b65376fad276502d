/** `muster blob get` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  to: {
    accepts: 'path',
    type: 'string',
    value: 'FILE',
    summary: 'a file, device or pipe; - is standard output',
    required: true,
  },
  range: { type: 'string', value: 'A-B', summary: 'bytes from A to before B' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  blob: { summary: 'the BLAKE3 id, as b3sum prints it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'write a blob to a file, from whoever holds it, verified',
  description: [
    'Exits with 5 if no host holds the blob. Exits with 7 if that is not known: while an approved',
    'host that was ever connected is away, the blob may be there, and the error names the host.',
  ].join(' '),
  flags,
  arguments: args,
  examples: [
    { command: 'muster blob get ID --to build.tar', does: 'resumes where it stopped' },
    { command: 'muster blob get ID --to part --range 0-65536', does: 'only these bytes' },
  ],
  handler: () => import('./get.handler.ts'),
})
