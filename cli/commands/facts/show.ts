/** `muster facts show` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'list the packages of a host',
  arguments: args,
  examples: [
    { command: 'muster facts show web-17', does: 'prints names and versions' },
    { command: 'muster facts show web-17 -o json', does: 'also prints data about the host' },
  ],
  output: true,
  handler: () => import('./show.handler.ts'),
})
