/** `muster process wait` */
import { type ArgumentSpecs, type ArgumentValues, defineCommand } from '../../command.ts'

const args = {
  run: { summary: 'the run id, or a unique prefix of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'wait for a run to end; exits as it did',
  arguments: args,
  examples: [{ command: 'muster process wait 0198f3b1', does: 'without its output' }],
  handler: () => import('./wait.handler.ts'),
})
