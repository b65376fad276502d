/** `muster agent revoke` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  yes: { type: 'boolean', summary: 'do not ask for confirmation' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'remove a host from the fleet permanently',
  flags,
  arguments: args,
  examples: [
    {
      command: 'muster agent revoke web-17 --yes',
      does: 'closes its connections, rejects its key, and lists the runs that continue there',
    },
  ],
  needs: [
    { namespace: 'fleet', level: 'observe' },
    { namespace: 'fleet', level: 'control', hosts: true },
    { namespace: 'policy', level: 'observe' },
  ],
  handler: () => import('./revoke.handler.ts'),
})
