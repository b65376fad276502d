/** `muster enroll approve` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  label: { type: 'pairs', value: 'K=V', summary: 'a label for the host' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'approve a host that waits',
  flags,
  arguments: args,
  examples: [
    {
      command: 'muster enroll approve web-17 --label role=web',
      does: 'approves the host, after you compared its fingerprint',
    },
  ],
  needs: [
    { namespace: 'fleet', level: 'observe' },
    { namespace: 'fleet', level: 'control', hosts: true },
  ],
  handler: () => import('./approve.handler.ts'),
})
