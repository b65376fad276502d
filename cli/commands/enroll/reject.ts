/** `muster enroll reject` */
import { type ArgumentSpecs, type ArgumentValues, defineCommand } from '../../program/command.ts'

const args = {
  host: { summary: 'a name, an id, a key fingerprint, or a unique beginning of one' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'forget a waiting host',
  arguments: args,
  examples: [{ command: 'muster enroll reject web-17', does: 'it may ask again' }],
  handler: () => import('./reject.handler.ts'),
})
