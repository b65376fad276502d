/** `muster agent show` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'show one host',
  arguments: args,
  examples: [{ command: 'muster agent show web-17', does: 'prints id, key, labels and addresses' }],
  output: true,
  handler: () => import('./show.handler.ts'),
})
