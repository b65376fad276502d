/** `muster enroll reject` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'reject a host that waits',
  arguments: args,
  examples: [{ command: 'muster enroll reject web-17', does: 'the host can ask again' }],
  needs: [
    { namespace: 'fleet', level: 'observe' },
    { namespace: 'fleet', level: 'control', hosts: true },
  ],
  handler: () => import('./reject.handler.ts'),
})
