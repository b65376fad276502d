/** `muster process status` */
import { type ArgumentSpecs, type ArgumentValues, defineCommand } from '../../command.ts'

const args = {
  run: { summary: 'the run id, or a unique prefix of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'the state of a run in a few words',
  arguments: args,
  examples: [{ command: 'muster process status 0198f3b1', does: 'running, exited: 0, stopped, killed: SIGKILL, …' }],
  output: true,
  handler: () => import('./status.handler.ts'),
})
