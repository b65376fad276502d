/** `muster facts history` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  package: { type: 'string', value: 'NAME', summary: 'only this package' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'list the packages that were installed, updated and removed on a host',
  flags,
  arguments: args,
  examples: [
    {
      command: 'muster facts history web-17 --package openssl-libs',
      does: 'prints the changes of one package',
    },
  ],
  output: true,
  handler: () => import('./history.handler.ts'),
})
