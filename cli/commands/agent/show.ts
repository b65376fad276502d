/** `muster agent show` */
import { type ArgumentSpecs, type ArgumentValues, defineCommand } from '../../program/command.ts'

const args = {
  host: { summary: 'a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'one host',
  arguments: args,
  examples: [{ command: 'muster agent show web-17', does: 'its id, key, labels and addresses' }],
  output: true,
  handler: () => import('./show.handler.ts'),
})
