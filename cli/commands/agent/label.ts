/** `muster agent label` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  host: { summary: 'the host: a name, an id, a key fingerprint, or a unique beginning of one' },
  labels: { summary: 'labels of the form K=V', variadic: true },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'set labels of a host; an empty value removes a label',
  arguments: args,
  examples: [
    { command: 'muster agent label web-17 role=web site=ber', does: 'sets two labels' },
    { command: 'muster agent label web-17 site=', does: 'removes the label site' },
  ],
  needs: [
    { namespace: 'fleet', level: 'observe' },
    { namespace: 'fleet', level: 'control', hosts: true },
  ],
  handler: () => import('./label.handler.ts'),
})
