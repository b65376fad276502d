/** `muster process output` */
import { type ArgumentSpecs, type ArgumentValues, defineCommand } from '../../command.ts'

const args = {
  run: { summary: 'the run id, or a unique prefix of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: "a run's output so far",
  arguments: args,
  examples: [{ command: 'muster process output 0198f3b1 > log', does: 'what there is now' }],
  handler: () => import('./output.handler.ts'),
})
